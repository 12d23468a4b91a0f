"""Signatures as contracts: types, signers' logic, the per-row contract, compatibility. Pure: no dagster."""
