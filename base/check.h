// GROUPPOSE_CHECK: the one macro for broken invariants inside the library.
//
//   GROUPPOSE_CHECK(value.dim() == 4, "value is [batch, size, heads, channels], got ", value.sizes());
//
// On failure it throws base::CheckError with file, line, the condition and the message. Input from files, flags and
// experiments is not checked with it: that is parsed once at the edge and refused with an absl::Status.
#ifndef BASE_CHECK_H_
#define BASE_CHECK_H_

#include <sstream>
#include <stdexcept>
#include <string>

namespace base {

class CheckError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

template <typename... Parts>
std::string ConcatForCheck(const Parts&... parts) {
  std::ostringstream out;
  (void)(out << ... << parts);
  return out.str();
}

[[noreturn]] void FailCheck(const char* file, int line, const char* condition, const std::string& message);

}  // namespace base

#define GROUPPOSE_CHECK(condition, ...)                                                       \
  do {                                                                                        \
    if (!(condition)) {                                                                       \
      ::base::FailCheck(__FILE__, __LINE__, #condition, ::base::ConcatForCheck(__VA_ARGS__)); \
    }                                                                                         \
  } while (false)

#endif  // BASE_CHECK_H_
