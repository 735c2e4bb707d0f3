// SPDX-License-Identifier: Apache-2.0
#include "runtime/reactor.h"

#include <string>

#include "base/log.h"
#include "runtime/plain_reactor.h"
#include "runtime/uring_reactor.h"

namespace millrace {

absl::StatusOr<std::unique_ptr<Reactor>> Reactor::create(Kind kind) {
  if (kind != Kind::kPlain) {
    absl::StatusOr<std::unique_ptr<UringReactor>> ring = UringReactor::make();
    if (ring.ok()) return std::unique_ptr<Reactor>(std::move(*ring));
    if (kind == Kind::kIoUring) return ring.status();
    log_warn("runtime", "io_uring is not used, plain calls are",
             {{"reason", std::string(ring.status().message())}});
  }
  return std::unique_ptr<Reactor>(std::make_unique<PlainReactor>());
}

}  // namespace millrace
