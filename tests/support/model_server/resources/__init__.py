"""Resources of the providers besides the models' answers: lists of models, files, batches."""
