"""Files of scans and masks: every form that is read, brought to arrays on one grid."""
