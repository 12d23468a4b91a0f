"""The ledger of sample explanations: rows, selection, residuals, summaries."""
