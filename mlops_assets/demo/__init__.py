"""The demo: a real data set that ships with scikit-learn, a model on it, and one run of the graph."""
