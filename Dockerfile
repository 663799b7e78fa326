# syntax=docker/dockerfile:1
# An image of the server: docker build --tag graphql-api .

FROM python:3.13-slim AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends nodejs npm \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY clients/javascript clients/javascript
COPY graphql_api graphql_api
RUN python graphql_api/graphiql/build.py \
    && pip wheel --no-cache-dir --no-deps --wheel-dir dist .
RUN python -m venv /opt/graphql-api \
    && /opt/graphql-api/bin/pip install --no-cache-dir --require-hashes --requirement requirements.lock \
    && /opt/graphql-api/bin/pip install --no-cache-dir --no-deps dist/graphql_api-*.whl

FROM python:3.13-slim
LABEL org.opencontainers.image.title="graphql-api" \
      org.opencontainers.image.description="Live GraphQL over a Starbelly crawler's RethinkDB" \
      org.opencontainers.image.licenses="MIT"
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/graphql-api graphql-api
COPY --from=build /opt/graphql-api /opt/graphql-api
ENV PATH=/opt/graphql-api/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    XDG_DATA_HOME=/var/lib \
    GRAPHQL_API_HOST=0.0.0.0 \
    GRAPHQL_API_PORT=8000
USER 10001
VOLUME /var/lib/graphql-api
EXPOSE 8000
# It has no curl; a server that is full answers this, too.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.build_opener(u.ProxyHandler({})).open('http://127.0.0.1:' + os.environ['GRAPHQL_API_PORT'] + '/healthz', timeout=4)"]
ENTRYPOINT ["graphql-api"]
CMD ["serve"]
