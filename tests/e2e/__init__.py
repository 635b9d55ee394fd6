"""The whole operator against the whole lab, under exactly the rights that `deploy/` ships."""
