// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/session/takeover.h"

#include <fcntl.h>
#include <openssl/ssl.h>
#include <poll.h>

#include "base/concat.h"

namespace millrace::postgres {
namespace {

absl::Status not_idle(std::string_view what) {
  return action_error({ReasonCode::kConnectRefused, Action::kRetry},
                      concat("postgres: take the socket over: ", what));
}

bool readable(int fd) {
  pollfd waiting{fd, POLLIN, 0};
  return poll(&waiting, 1, 0) > 0;
}

}  // namespace

absl::StatusOr<TakenSocket> take_over(std::unique_ptr<Connection> connection) {
  PGconn* const raw = connection->raw();
  const int fd = PQsocket(raw);
  if (PQstatus(raw) != CONNECTION_OK || fd < 0) return not_idle("the connection has ended");
  if (PQtransactionStatus(raw) == PQTRANS_ACTIVE) return not_idle("a statement is under way");
  if (PQflush(raw) != 0) return not_idle("unsent bytes");
  // Notices and parameters that came unasked are libpq's to read; TLS may make the socket readable without a
  // message.
  for (int turn = 0; readable(fd); ++turn) {
    if (turn == 100) return not_idle("the server sends without end");
    if (PQconsumeInput(raw) == 0) return not_idle(parse_connect_error(PQerrorMessage(raw)).message);
    if (PQisBusy(raw) != 0) return not_idle("half a message is in libpq's buffer");
    if (Result(PQgetResult(raw)).holds()) return not_idle("an answer nobody asked for");
    if (PQstatus(raw) != CONNECTION_OK) return not_idle("the connection has ended");
  }
  SSL* const ssl = static_cast<SSL*>(PQsslStruct(raw, "OpenSSL"));
  if (ssl == nullptr && PQsslInUse(raw) != 0) return not_idle("encrypted, and not by OpenSSL");
  if (ssl != nullptr && SSL_pending(ssl) != 0) return not_idle("decrypted bytes are left in OpenSSL");
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
    return not_idle("the socket cannot be made nonblocking");
  return TakenSocket{fd, ssl, std::shared_ptr<void>(std::move(connection))};
}

}  // namespace millrace::postgres
