"""Explanations held against others: two versions, a stored ledger, stored predictions."""
