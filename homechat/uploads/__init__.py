"""Files that people share: what they are, where they lie, who may have them."""
