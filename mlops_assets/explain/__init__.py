"""Why each row got its prediction: explainers, roll-up, ledger, summaries, plots. Pure: no dagster."""
