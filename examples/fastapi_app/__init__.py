"""A ChatKit server on FastAPI that keeps its conversations with chatkit-pgstore.

``app.py`` puts the parts together; read it first. ``server.py`` is where your own assistant goes.
"""
