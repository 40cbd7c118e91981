"""The experimenter's page beside a running test, behind a password; shown by `listening_test.admin.page`."""
