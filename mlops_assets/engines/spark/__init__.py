"""Work on an Apache Spark cluster, classic and Connect."""
