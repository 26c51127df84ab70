#include "base/passphrase.h"

#include <fcntl.h>
#include <poll.h>
#include <sodium.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "base/descriptor.h"
#include "base/file.h"
#include "collegium/error.h"

namespace collegium {
namespace {

// Where what is read lies until it is a passphrase.
struct Line {
  std::array<char, Passphrase::kMost + 2> bytes;
  std::size_t size = 0;

  ~Line() { sodium_memzero(bytes.data(), bytes.size()); }
  bool full() const { return size == bytes.size(); }
  bool complete() const { return find() != end(); }
  std::string_view text() const {
    return {bytes.data(), static_cast<std::size_t>(find() - begin())};
  }
  // False: the end of what there is.
  bool read_more(int descriptor) {
    const ssize_t got = ::read(descriptor, bytes.data() + size, bytes.size() - size);
    if (got < 0 && errno == EINTR) return true;
    if (got > 0) size += static_cast<std::size_t>(got);
    return got > 0;
  }

 private:
  const char* begin() const { return bytes.data(); }
  const char* end() const { return bytes.data() + size; }
  const char* find() const {
    return std::find_if(begin(), end(), [](char c) { return c == '\n' || c == '\r'; });
  }
};

Passphrase checked(const Line& line, const std::string& where) {
  const std::string_view text = line.text();
  if (text.empty() || text.size() > Passphrase::kMost)
    throw ConfigError(
        Problem{.what = "this is no passphrase",
                .where = where,
                .expected = "one line of 1 to " + std::to_string(Passphrase::kMost) + " bytes",
                .found = text.empty() ? "an empty one" : "a longer one"});
  return Passphrase(text);
}

volatile std::sig_atomic_t interrupted = 0;

// Echo is off and Ctrl-C is noted while this lives.
class QuietTerminal {
 public:
  explicit QuietTerminal(int terminal) : terminal_(terminal) {
    ::tcgetattr(terminal_, &before_);
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(terminal_, TCSAFLUSH, &quiet);
    interrupted = 0;
    struct sigaction note {};
    note.sa_handler = [](int signal) { interrupted = signal; };
    for (std::size_t i = 0; i < kSignals.size(); ++i)
      ::sigaction(kSignals[i], &note, &handlers_[i]);
  }
  QuietTerminal(const QuietTerminal&) = delete;
  QuietTerminal& operator=(const QuietTerminal&) = delete;
  ~QuietTerminal() {
    ::tcsetattr(terminal_, TCSAFLUSH, &before_);
    for (std::size_t i = 0; i < kSignals.size(); ++i)
      ::sigaction(kSignals[i], &handlers_[i], nullptr);
    if (interrupted) std::raise(interrupted);
  }

 private:
  static constexpr std::array<int, 2> kSignals{SIGINT, SIGTERM};
  int terminal_;
  termios before_{};
  std::array<struct sigaction, 2> handlers_{};
};

void say(int terminal, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(terminal, text.data(), text.size());
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

void wipe(std::span<std::uint8_t> secret) { sodium_memzero(secret.data(), secret.size()); }

Passphrase::Passphrase(std::string_view text) : bytes_(text.begin(), text.end()) {}

Passphrase::~Passphrase() { wipe(bytes_); }

Passphrase Passphrase::from_file(const std::filesystem::path& file) {
  const Descriptor opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status;
  if (opened.get() < 0 || ::fstat(opened.get(), &status) != 0)
    throw_system_error("cannot open the file with the passphrase", file, errno);
  if (S_ISREG(status.st_mode) && (status.st_mode & 077) != 0)
    throw ConfigError(Problem{.what = "others may read this passphrase",
                              .where = file.string(),
                              .expected = "mode 0600, or 0400",
                              .remedy = "chmod 600 " + file.string()});
  Line line;
  while (!line.full() && !line.complete() && line.read_more(opened.get())) {
  }
  return checked(line, file.string());
}

Passphrase Passphrase::from_terminal(const std::string& what, const std::string& remedy) {
  const Descriptor terminal{
      ::isatty(STDIN_FILENO) ? ::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY) : -1};
  if (terminal.get() < 0)
    throw ConfigError(
        Problem{.what = "a passphrase is needed, and there is no terminal to ask for it",
                .where = what,
                .remedy = remedy});
  Line line;
  {
    const QuietTerminal quiet(terminal.get());
    say(terminal.get(), "Passphrase of " + what + ": ");
    pollfd waiting{terminal.get(), POLLIN, 0};
    bool open = true;
    // The signal may come to another thread, which does not end this wait: so it looks up.
    while (open && !interrupted && !line.full() && !line.complete())
      if (::poll(&waiting, 1, 200) > 0) open = line.read_more(terminal.get());
    say(terminal.get(), "\n");
  }
  if (interrupted) throw ConfigError(Problem{.what = "no passphrase was given", .where = what});
  return checked(line, what);
}

}  // namespace collegium
