"""The only writers of the catalog's tables, one module per subject.

Every function takes keyword arguments; `user` is who asks, None is the system itself. Order inside: check access, lock,
write, audit, enqueue on commit. Placements are serialised by locking the catalogs they touch, in order of id.
"""
