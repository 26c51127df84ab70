"""Networks of one's own as data: what ``torch.export`` makes of a module, written down, checked and put together again."""
