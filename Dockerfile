# One recipe for every image of the shop:
#   docker build --build-arg FN=cart .
# FN is a function, or gateway (nginx and the shop's pages), migrate (psql and
# the functions' schemas) or simulator (stands in for the payment gateway and
# the mail server). `make images` builds them all, gives them their version and
# makes them the same to the last bit, whoever builds them and when.

# The Debian that everything comes from. Pin it to a digest for an image that
# can be built again in a year.
ARG BASE=debian:bookworm-slim

# ---- everything is compiled once; every image's build shares this -----------
FROM $BASE AS build
RUN apt-get update && \
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        binutils ca-certificates curl gcc libc6-dev libcjson-dev \
        libcurl4-openssl-dev libhiredis-dev libnats-dev libpq-dev \
        librdkafka-dev libsodium-dev libuv1-dev make nginx-light \
        postgresql-client python3 python3-aiosmtpd && \
    rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Makefile ./
COPY common common
COPY functions functions
ARG VERSION=0
RUN make -j2 OUT=/out VERSION="$VERSION" build

# ---- the files of one image ---------------------------------------------------
FROM build AS root
COPY k8s k8s
COPY tests tests
ARG FN
ARG VERSION=0
ARG SOURCE_DATE_EPOCH=0
RUN k8s/images-root.sh "$FN" "$VERSION" "$SOURCE_DATE_EPOCH" /root-$FN

FROM scratch
ARG FN
ARG VERSION=0
ARG REVISION=
COPY --from=root /root-$FN/ /
LABEL org.opencontainers.image.title="bodega-$FN" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="scratch"
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["/bodega"]
