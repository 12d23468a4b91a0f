"""Loaded by `mlops_assets.definitions`: shared resources here, one folder per registered model beside."""
