"""HTTP: the pages that readers' links lead to, and the inbox's viewer. `app.create_app` puts them together.

`serving.Server` runs any of them; what all pages share is in `pages` (templates, style) and `guards` (headers, limits).
"""
