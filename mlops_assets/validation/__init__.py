"""Is a newly registered version fit to become the champion? Judged on a sample of the inputs. No dagster here."""
