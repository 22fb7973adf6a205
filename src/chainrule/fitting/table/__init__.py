"""Networks trained on tables: reading, preparing, training, predicting."""
