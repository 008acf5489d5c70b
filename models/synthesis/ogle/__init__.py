"""Light curves as OGLE-III has them: the source's training set."""
