"""How the synthetic brains are made, one idea a module.

``fields``   smooth random fields on a grid given in millimetres;
``anatomy``  a healthy head: the MNI152 tissue maps, deformed to a new person;
``tumour``   one glioma growing in it, as tissue fractions and BraTS labels;
``scanner``  a hospital's protocol, and the images it takes of such a head;
``sites``    the hospitals, their case mix, and who is examined where;
``subject``  one examination from its random stream, and its files;
``worker``   the process that writes a share of the subjects.

The modules import each other relatively and nothing else of Collegium, so that a worker process
starts without loading the core library.
"""
