"""The demonstration: four hospitals and a coordinator on this machine, and what federation was worth to each of them."""
