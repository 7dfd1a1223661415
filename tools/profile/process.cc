#include "tools/profile/process.h"

#include <fcntl.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/status.h"

extern char** environ;

namespace profile {
namespace {

// What shells answer with, and what waits for the other side.
constexpr int kCannotRun = 127, kSignalBase = 128;

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { Close(); }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  void Close() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

struct Pipe {
  Descriptor read, write;
};

absl::StatusOr<Pipe> MakePipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return base::ErrnoStatus("pipe", "cannot be made");
  return Pipe{Descriptor(ends[0]), Descriptor(ends[1])};
}

// Counts instructions in user mode of `pid` and the children it will have, from its exec on.
Descriptor OpenInstructionCounter(pid_t pid) {
  perf_event_attr attributes = {};
  attributes.size = sizeof(attributes);
  attributes.type = PERF_TYPE_HARDWARE;
  attributes.config = PERF_COUNT_HW_INSTRUCTIONS;
  attributes.disabled = 1;
  attributes.enable_on_exec = 1;
  attributes.inherit = 1;
  attributes.exclude_kernel = 1;
  attributes.exclude_hv = 1;
  return Descriptor(static_cast<int>(syscall(SYS_perf_event_open, &attributes, pid, -1, -1, PERF_FLAG_FD_CLOEXEC)));
}

std::vector<std::string> Environment(const ProcessOptions& options) {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const size_t equals = text.find('=');
    if (equals != std::string::npos) variables[text.substr(0, equals)] = text.substr(equals + 1);
  }
  for (const auto& [name, value] : options.environment) {
    if (value.has_value()) {
      variables[name] = *value;
    } else {
      variables.erase(name);
    }
  }
  std::vector<std::string> entries;
  for (const auto& [name, value] : variables) entries.push_back(absl::StrCat(name, "=", value));
  return entries;
}

std::vector<char*> Pointers(std::vector<std::string>* texts) {
  std::vector<char*> pointers;
  for (std::string& text : *texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// What the child does between fork and exec; only calls that are safe there.
[[noreturn]] void BecomeProgram(const ProcessOptions& options, pid_t parent, int go_ahead, int output, int errors,
                                char* const* argv, char* const* environment) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(kCannotRun);
  if (options.cpu >= 0) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(options.cpu, &cpus);
    sched_setaffinity(0, sizeof(cpus), &cpus);
  }
  if (!options.folder.empty() && chdir(options.folder.c_str()) != 0) _exit(kCannotRun);
  const int nothing = open("/dev/null", O_RDONLY);
  dup2(nothing, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(errors, STDERR_FILENO);
  // the parent opens the counter first
  char ready = 0;
  while (read(go_ahead, &ready, 1) < 0 && errno == EINTR) {
  }
  execvpe(argv[0], argv, environment);
  _exit(kCannotRun);
}

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Reads both pipes to their ends; kills the child when its time is over.
void ReadAll(pid_t child, std::chrono::steady_clock::time_point start, double timeout, Pipe* output, Pipe* errors,
             ProcessResult* result) {
  std::array<pollfd, 2> ends = {pollfd{output->read.get(), POLLIN, 0}, pollfd{errors->read.get(), POLLIN, 0}};
  std::array<std::string*, 2> texts = {&result->output, &result->errors};
  std::array<char, 1 << 16> buffer;
  constexpr int kMillisecondsPerLook = 100;
  while (ends[0].fd >= 0 || ends[1].fd >= 0) {
    if (timeout > 0 && !result->timed_out && SecondsSince(start) > timeout) {
      result->timed_out = true;
      kill(child, SIGKILL);
    }
    // a killed program's children may hold the pipes open
    if (result->timed_out && SecondsSince(start) > timeout + 1) return;
    if (poll(ends.data(), ends.size(), kMillisecondsPerLook) < 0 && errno != EINTR) return;
    for (size_t i = 0; i < ends.size(); ++i) {
      if (ends[i].fd < 0 || ends[i].revents == 0) continue;
      const ssize_t count = read(ends[i].fd, buffer.data(), buffer.size());
      if (count > 0) texts[i]->append(buffer.data(), static_cast<size_t>(count));
      if (count == 0 || (count < 0 && errno != EINTR)) ends[i].fd = -1;
    }
  }
}

std::string LastLine(const std::string& text) {
  const absl::string_view trimmed = absl::StripTrailingAsciiWhitespace(text);
  const size_t end_of_line = trimmed.rfind('\n');
  return std::string(end_of_line == absl::string_view::npos ? trimmed : trimmed.substr(end_of_line + 1));
}

}  // namespace

absl::Status ProcessResult::Failure(const std::string& what) const {
  const std::string said = LastLine(errors.empty() ? output : errors);
  return absl::UnknownError(absl::StrCat(what, ": ",
                                         timed_out ? absl::StrCat("stopped after ", static_cast<int64_t>(seconds), " s")
                                                   : absl::StrCat("exit code ", exit_code),
                                         said.empty() ? "" : ": ", said));
}

absl::StatusOr<ProcessResult> RunProcess(const std::vector<std::string>& argv, const ProcessOptions& options) {
  ASSIGN_OR_RETURN(Pipe output, MakePipe());
  ASSIGN_OR_RETURN(Pipe errors, MakePipe());
  ASSIGN_OR_RETURN(Pipe go_ahead, MakePipe());
  Descriptor log;
  if (!options.log.empty()) {
    log = Descriptor(open(options.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (log.get() < 0) return base::ErrnoStatus(options.log, "cannot be written");
  }
  std::vector<std::string> arguments = argv, environment = Environment(options);
  const std::vector<char*> argument_pointers = Pointers(&arguments), environment_pointers = Pointers(&environment);

  const auto start = std::chrono::steady_clock::now();
  const pid_t parent = getpid(), child = fork();
  if (child < 0) return base::ErrnoStatus(argv[0], "cannot be started");
  if (child == 0) {
    BecomeProgram(options, parent, go_ahead.read.get(), log.get() >= 0 ? log.get() : output.write.get(),
                  log.get() >= 0 ? log.get() : errors.write.get(), argument_pointers.data(),
                  environment_pointers.data());
  }
  Descriptor counter;
  if (options.count_instructions) counter = OpenInstructionCounter(child);
  // a byte and not the end of the pipe: the child holds both of its ends
  const char ready = 1;
  if (write(go_ahead.write.get(), &ready, 1) != 1) kill(child, SIGKILL);
  output.write.Close();
  errors.write.Close();

  ProcessResult result;
  ReadAll(child, start, options.timeout_seconds, &output, &errors, &result);
  int state = 0;
  while (waitpid(child, &state, 0) < 0 && errno == EINTR) {
  }
  result.seconds = SecondsSince(start);
  result.exit_code = WIFSIGNALED(state) ? kSignalBase + WTERMSIG(state) : WEXITSTATUS(state);
  int64_t instructions = 0;
  if (counter.get() >= 0 && read(counter.get(), &instructions, sizeof(instructions)) == sizeof(instructions)) {
    result.instructions = instructions;
  }
  if (result.exit_code == kCannotRun && result.errors.empty()) {
    return absl::NotFoundError(
        absl::StrCat(argv[0], ": cannot be run", options.folder.empty() ? "" : absl::StrCat(" in ", options.folder)));
  }
  return result;
}

std::vector<int> AllowedCpus() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  std::vector<int> cpus;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed)) cpus.push_back(cpu);
  }
  return cpus;
}

bool CountsInstructions() { return OpenInstructionCounter(0).get() >= 0; }

}  // namespace profile
