"""Segments made when somebody asks for them: planned from facts, encoded once per machine, kept in the hot cache.

`plan.plan_for(file)` says what a playlist needs; `service.segment` and `service.init` give the bytes as files of the cache.
"""
