from aiohttp import web

routes: list[web.RouteDef] = []
