"""How a model is trained. Recipes arrive with the training issue; nothing else imports this package."""
