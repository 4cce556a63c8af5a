/* otlp - sends finished spans to a collector, once a second and never on the
 * way of a request (OTLP/HTTP with JSON, opentelemetry-proto 1.x). */
#ifndef BODEGA_IO_OTLP_H
#define BODEGA_IO_OTLP_H

/* Turn span export on and start the sending task. `url` is the collector's
 * base, "/v1/traces" is added; NULL or "" does nothing. Both strings must
 * live as long as the process. */
void otlp_start(const char *url, const char *service);
/* From a task: send what still waits and end the sending task. Returns after
 * at most `timeout_ms`; what was not sent by then is lost. */
void otlp_flush(int timeout_ms);

#endif
