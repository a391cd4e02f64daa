"""Training recipes: every module here with a `RECIPE` is one, found by its file being here."""
