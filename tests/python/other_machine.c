// What a machine tells its programs, changed while they run: preloaded into them by a test. The
// file OTHER_MACHINE has two words: by how many seconds the clock is off, and where the name
// coordinator.test leads.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

static long told(char* address) {
  long seconds = 0;
  const char* place = getenv("OTHER_MACHINE");
  FILE* file = place ? fopen(place, "r") : NULL;
  if (!file) return 0;
  if (fscanf(file, "%ld %63s", &seconds, address) < 1) seconds = 0;
  fclose(file);
  return seconds;
}

int clock_gettime(clockid_t clock, struct timespec* now) {
  static int (*real)(clockid_t, struct timespec*);
  if (!real) real = (int (*)(clockid_t, struct timespec*))dlsym(RTLD_NEXT, "clock_gettime");
  const int result = real(clock, now);
  char address[64] = "";
  if (clock == CLOCK_REALTIME) now->tv_sec += told(address);
  return result;
}

time_t time(time_t* out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}

int gettimeofday(struct timeval* restrict out, void* restrict zone) {
  struct timespec now;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &now);
  out->tv_sec = now.tv_sec;
  out->tv_usec = now.tv_nsec / 1000;
  return 0;
}

int getaddrinfo(const char* restrict node, const char* restrict service,
                const struct addrinfo* restrict hints, struct addrinfo** restrict found) {
  typedef int Lookup(const char*, const char*, const struct addrinfo*, struct addrinfo**);
  static Lookup* real;
  if (!real) real = (Lookup*)dlsym(RTLD_NEXT, "getaddrinfo");
  char address[64] = "";
  if (node && strcmp(node, "coordinator.test") == 0) told(address);
  return real(address[0] ? address : node, service, hints, found);
}
