#include "base/flags.h"

#include <algorithm>
#include <cstdio>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace base {
namespace {

int EditDistance(const std::string& a, const std::string& b) {
  std::vector<int> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    int diagonal = row[0];
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const int substitute = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string NearestName(const std::string& name, const std::vector<std::string>& candidates) {
  std::string best;
  int best_distance = 1 << 30;
  for (const std::string& candidate : candidates) {
    const int distance = EditDistance(name, candidate);
    const int limit = static_cast<int>(std::max(name.size(), candidate.size()) + 2) / 3;
    if (distance <= limit && distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

Flags::Flags(std::string command, std::string description)
    : command_(std::move(command)), description_(std::move(description)) {}

void Flags::Add(Flag flag) { flags_.push_back(std::move(flag)); }

void Flags::Optional(const std::string& name, std::string* value, const std::string& placeholder,
                     const std::string& help) {
  Flag flag{name, placeholder, help, *value};
  flag.set = [value](const std::string& text) {
    *value = text;
    return absl::OkStatus();
  };
  Add(std::move(flag));
}

void Flags::Optional(const std::string& name, int64_t* value, const std::string& placeholder, const std::string& help) {
  Flag flag{name, placeholder, help, absl::StrCat(*value)};
  flag.set = [value, name](const std::string& text) -> absl::Status {
    if (absl::SimpleAtoi(text, value)) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("--", name, ": expected an integer, found '", text, "'"));
  };
  Add(std::move(flag));
}

void Flags::Optional(const std::string& name, double* value, const std::string& placeholder, const std::string& help) {
  Flag flag{name, placeholder, help, absl::StrCat(*value)};
  flag.set = [value, name](const std::string& text) -> absl::Status {
    if (absl::SimpleAtod(text, value)) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("--", name, ": expected a number, found '", text, "'"));
  };
  Add(std::move(flag));
}

void Flags::Switch(const std::string& name, bool* value, const std::string& help) {
  Flag flag{name, "", help, ""};
  flag.is_switch = true;
  flag.set = [value, name](const std::string& text) -> absl::Status {
    if (text == "true" || text == "1" || text.empty()) {
      *value = true;
    } else if (text == "false" || text == "0") {
      *value = false;
    } else {
      return absl::InvalidArgumentError(absl::StrCat("--", name, ": expected true or false, found '", text, "'"));
    }
    return absl::OkStatus();
  };
  Add(std::move(flag));
}

void Flags::Repeated(const std::string& name, std::vector<std::string>* values, const std::string& placeholder,
                     const std::string& help) {
  Flag flag{name, placeholder, absl::StrCat(help, " (may be repeated)"), ""};
  flag.set = [values](const std::string& text) {
    values->push_back(text);
    return absl::OkStatus();
  };
  Add(std::move(flag));
}

void Flags::Required(const std::string& name, std::string* value, const std::string& placeholder,
                     const std::string& help) {
  Optional(name, value, placeholder, help);
  flags_.back().required = true;
}

void Flags::Positional(std::vector<std::string>* values, const std::string& placeholder, const std::string& help) {
  positional_ = values;
  positional_placeholder_ = placeholder;
  positional_help_ = help;
}

Flags::Flag* Flags::Find(const std::string& name) {
  for (Flag& flag : flags_) {
    if (flag.name == name) return &flag;
  }
  return nullptr;
}

absl::StatusOr<bool> Flags::Parse(const std::vector<std::string>& arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--help" || argument == "-h") {
      std::fputs(Help().c_str(), stdout);
      return false;
    }
    if (argument.size() < 3 || argument.compare(0, 2, "--") != 0) {
      if (positional_ == nullptr) {
        return absl::InvalidArgumentError(
            absl::StrCat("unexpected argument '", argument, "'; ", command_, " takes flags only (--help lists them)"));
      }
      positional_->push_back(argument);
      continue;
    }
    const size_t equals = argument.find('=');
    const std::string name = argument.substr(2, equals == std::string::npos ? equals : equals - 2);
    Flag* flag = Find(name);
    if (flag == nullptr) {
      std::vector<std::string> names = {"help"};
      for (const Flag& f : flags_) names.push_back(f.name);
      const std::string nearest = NearestName(name, names);
      return absl::InvalidArgumentError(
          absl::StrCat("unknown flag --", name, nearest.empty() ? "" : absl::StrCat("; did you mean --", nearest, "?"),
                       " (--help lists the flags of ", command_, ")"));
    }
    std::string value;
    if (equals != std::string::npos) {
      value = argument.substr(equals + 1);
    } else if (!flag->is_switch) {
      if (i + 1 == arguments.size()) {
        return absl::InvalidArgumentError(absl::StrCat("--", name, ": expected a value (", flag->placeholder, ")"));
      }
      value = arguments[++i];
    }
    // `--output=$DIR` with an unset variable
    if (flag->required && value.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--", name, ": expected a value (", flag->placeholder, "), found nothing"));
    }
    RETURN_IF_ERROR(flag->set(value));
    flag->seen = true;
  }
  for (const Flag& flag : flags_) {
    if (flag.required && !flag.seen) {
      return absl::InvalidArgumentError(
          absl::StrCat("--", flag.name, "=", flag.placeholder, " is required: ", flag.help));
    }
  }
  return true;
}

std::string Flags::Help() const {
  std::string text = absl::StrCat(command_, ": ", description_, "\n\nUsage: ", command_);
  if (!flags_.empty()) absl::StrAppend(&text, " [flags]");
  if (positional_ != nullptr)
    absl::StrAppend(&text, " ", positional_placeholder_, "\n\n  ", positional_placeholder_, "  ", positional_help_);
  absl::StrAppend(&text, "\n\n");
  for (const Flag& flag : flags_) {
    absl::StrAppend(&text, "  --", flag.name, flag.is_switch ? "" : "=", flag.placeholder,
                    flag.required ? "  (required)" : "", "\n      ", flag.help);
    if (!flag.default_text.empty()) absl::StrAppend(&text, " [", flag.default_text, "]");
    absl::StrAppend(&text, "\n");
  }
  return text;
}

std::vector<std::string> Arguments(int argc, char** argv) {
  return std::vector<std::string>(argv + std::min(argc, 1), argv + argc);
}

}  // namespace base
