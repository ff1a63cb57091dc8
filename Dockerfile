# README's two commands in a container, without CUDA:
#   docker build -t lengen .
#   docker run --rm lengen               # make demo
#   docker run --rm lengen make test
#   docker run --rm -v "$PWD:/work" -w /work --user "$(id -u)" lengen lengen train task=copy
FROM python:3.12-slim

# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git make \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home lengen
USER lengen
WORKDIR /home/lengen/lengen
COPY --chown=lengen:lengen . .
ENV PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu \
    PIP_NO_CACHE_DIR=1 \
    PATH=/home/lengen/lengen/.venv/bin:$PATH
RUN make setup && chmod a+x /home/lengen
CMD ["make", "demo"]
