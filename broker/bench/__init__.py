"""`starsieve bench stream`: what workers cost and how fast they answer, on real servers and a mature survey."""
