// SPDX-License-Identifier: Apache-2.0
// Preloaded into millrace (with `io: plain`, so that every file operation is a call of libc): ends the process, as
// SIGKILL does, in the middle of its file operations.
//
//   KILL_AT=CALL:N         at the Nth call of write, fsync, fdatasync, rename, ftruncate, unlink or any: of a write, when
//                          half is done; of another, before it when N is even and behind it when it is odd
//   KILL_BEHIND=BYTES      when a write to KILL_FILE would pass this offset; what is below it is written
//   KILL_FILE=TEXT         only files whose path contains this text count
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int calls;

static void die(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

static int counts(const char *path) {
  const char *text = getenv("KILL_FILE");
  return text == NULL || strstr(path, text) != NULL;
}

static int is_watched(int fd) {
  struct stat file;
  char link[64], path[4096];
  if (fstat(fd, &file) != 0 || !(S_ISREG(file.st_mode) || S_ISDIR(file.st_mode))) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  if (n < 0) return 0;
  path[n] = 0;
  return strstr(path, "/log") == NULL && counts(path);  // the log's descriptor is the test's own
}

static int is_now(const char *call) {
  const char *at = getenv("KILL_AT");
  if (at == NULL) return 0;
  const char *colon = strchr(at, ':');
  size_t n = (size_t)(colon - at);
  if (strncmp(at, "any", n) != 0 && (strncmp(at, call, n) != 0 || call[n] != 0)) return 0;
  return __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST) == atoi(colon + 1);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static ssize_t half(int fd, const void *bytes, size_t n, off_t at) {
  return at < 0 ? REAL(write)(fd, bytes, n / 2) : REAL(pwrite)(fd, bytes, n / 2, at);
}

ssize_t write(int fd, const void *bytes, size_t n) {
  if (is_watched(fd) && is_now("write")) {
    half(fd, bytes, n, -1);
    die();
  }
  return REAL(write)(fd, bytes, n);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at) {
  if (is_watched(fd)) {
    const char *behind = getenv("KILL_BEHIND");
    if (behind != NULL && at + (off_t)n > atoll(behind)) {
      if (at < atoll(behind)) REAL(pwrite)(fd, bytes, (size_t)(atoll(behind) - at), at);
      die();
    }
    if (is_now("write")) {
      half(fd, bytes, n, at);
      die();
    }
  }
  return REAL(pwrite)(fd, bytes, n, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off_t at) { return pwrite(fd, bytes, n, at); }

#define BEFORE_AND_BEHIND(name, watched, ...)      \
  int now = (watched) && is_now(#name);            \
  if (now && (calls & 1) == 0) die();              \
  int result = REAL(name)(__VA_ARGS__);            \
  if (now) die();                                  \
  return result

int fsync(int fd) { BEFORE_AND_BEHIND(fsync, is_watched(fd), fd); }
int fdatasync(int fd) { BEFORE_AND_BEHIND(fdatasync, is_watched(fd), fd); }
int ftruncate(int fd, off_t size) { BEFORE_AND_BEHIND(ftruncate, is_watched(fd), fd, size); }
int rename(const char *from, const char *to) { BEFORE_AND_BEHIND(rename, counts(from), from, to); }
int unlink(const char *path) { BEFORE_AND_BEHIND(unlink, counts(path), path); }
