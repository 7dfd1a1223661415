#include "grouppose/checkpoint/pickle.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <unordered_map>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "grouppose/checkpoint/globals.h"
#include "grouppose/checkpoint/opcodes.h"
#include "grouppose/checkpoint/tensor_records.h"

namespace grouppose::checkpoint {
namespace {

using Kind = Value::Kind;

// What one pickle may make: a training state of Swin-L takes less than a twentieth of it, and nothing that a file of a
// few bytes says can take more.
constexpr uint64_t kMaxMemory = 128 << 20;
// Below one value, for everybody who goes through them: levels, and values however often each is reached.
constexpr int kMaxDepth = 64;
constexpr uint64_t kMaxReached = 1'000'000;
// Longer integers than these bytes are nobody's data.
constexpr size_t kMaxIntegerBytes = 128;
// Bytes of a memo's entry, roughly.
constexpr uint64_t kMemoBytes = 48;

std::string Quoted(std::string_view text) {
  return absl::StrCat("'", absl::CHexEscape(std::string(text.substr(0, 100))), text.size() > 100 ? "...'" : "'");
}

// A little-endian number of two's complement, of any length, in decimal.
std::string Decimal(std::string_view bytes) {
  std::vector<uint8_t> magnitude(bytes.begin(), bytes.end());
  const bool negative = !magnitude.empty() && (magnitude.back() & 0x80) != 0;
  if (negative) {
    int carry = 1;
    for (uint8_t& byte : magnitude) {
      carry += static_cast<uint8_t>(~byte);
      byte = static_cast<uint8_t>(carry);
      carry >>= 8;
    }
  }
  std::string digits;
  while (std::any_of(magnitude.begin(), magnitude.end(), [](uint8_t byte) { return byte != 0; })) {
    int rest = 0;
    for (size_t i = magnitude.size(); i-- > 0;) {
      rest = rest << 8 | magnitude[i];
      magnitude[i] = static_cast<uint8_t>(rest / 10);
      rest %= 10;
    }
    digits += static_cast<char>('0' + rest);
  }
  if (digits.empty()) digits = "0";
  if (negative) digits += '-';
  std::reverse(digits.begin(), digits.end());
  return digits;
}

// Latin-1 as bytes; nothing where a character is beyond it.
std::optional<std::string> BytesOfLatin1(const std::string& utf8) {
  std::string bytes;
  for (size_t i = 0; i < utf8.size(); ++i) {
    const auto byte = static_cast<unsigned char>(utf8[i]);
    if (byte < 0x80) {
      bytes += static_cast<char>(byte);
    } else if ((byte == 0xc2 || byte == 0xc3) && i + 1 < utf8.size()) {
      bytes += static_cast<char>((byte & 3) << 6 | (static_cast<unsigned char>(utf8[++i]) & 0x3f));
    } else {
      return std::nullopt;
    }
  }
  return bytes;
}

// One pickle's stack, memo and values.
class Machine {
 public:
  Machine(std::string_view bytes, const PickleLimits& limits) : bytes_(bytes), limits_(limits) {}

  absl::StatusOr<Pickle> Run() {
    const absl::Status status = RunToStop();
    if (!status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("pickle, byte ", start_, ": ", std::string(status.message())));
    }
    return std::move(pickle_);
  }

 private:
  static absl::Status Refuse(const std::string& found, const std::string& expected) {
    return absl::InvalidArgumentError(absl::StrCat("found ", found, ", expected ", expected));
  }

  absl::Status RunToStop() {
    if (bytes_.empty() || static_cast<unsigned char>(bytes_[0]) != kProto) {
      return Refuse("no protocol", "a pickle of protocol 2 to 5");
    }
    while (true) {
      start_ = at_;
      ASSIGN_OR_RETURN(const uint64_t code, Number(1));
      if (code == kStop) return Stop();
      RETURN_IF_ERROR(Step(static_cast<unsigned char>(code)));
    }
  }

  absl::Status Stop() {
    if (stack_.size() != 1 || !marks_.empty()) {
      return Refuse(absl::StrCat(stack_.size(), " values at its end"), "one");
    }
    pickle_.root = stack_[0];
    pickle_.size = at_;
    return CheckReach(*pickle_.root, 0).status();
  }

  // ---- reading

  absl::StatusOr<std::string_view> Take(uint64_t size) {
    if (size > bytes_.size() - at_) {
      return Refuse(absl::StrCat(bytes_.size() - at_, " bytes"), absl::StrCat(size, ": the file is cut short"));
    }
    const std::string_view taken = bytes_.substr(at_, size);
    at_ += size;
    return taken;
  }

  absl::StatusOr<uint64_t> Number(int size) {
    ASSIGN_OR_RETURN(const std::string_view bytes, Take(size));
    uint64_t value = 0;
    for (int i = 0; i < size; ++i) value |= uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
    return value;
  }

  // Text behind its length.
  absl::StatusOr<std::string_view> Counted(int length_bytes) {
    ASSIGN_OR_RETURN(const uint64_t size, Number(length_bytes));
    return Take(size);
  }

  absl::StatusOr<std::string_view> Line() {
    const size_t end = bytes_.find('\n', at_);
    if (end == std::string_view::npos) return Refuse("a name without its end", "a line");
    ASSIGN_OR_RETURN(const std::string_view line, Take(end - at_));
    ++at_;
    return line;
  }

  // ---- values

  absl::Status Charge(uint64_t bytes) {
    memory_ += bytes;
    if (memory_ <= kMaxMemory) return absl::OkStatus();
    return Refuse("more data than a checkpoint has",
                  absl::StrCat("at most ", kMaxMemory >> 20, " MiB without tensors"));
  }

  template <typename Data>
  absl::Status Push(Kind kind, Data data, uint64_t more_bytes = 0) {
    RETURN_IF_ERROR(Charge(sizeof(Value) + sizeof(void*) + more_bytes));
    pickle_.values.push_back({kind, std::move(data)});
    stack_.push_back(&pickle_.values.back());
    return absl::OkStatus();
  }

  absl::Status PushText(Kind kind, std::string_view text) { return Push(kind, std::string(text), text.size()); }

  absl::Status PushItems(Kind kind, Value::Items items) {
    const uint64_t bytes = items.size() * sizeof(void*);
    return Push(kind, std::move(items), bytes);
  }

  // The topmost values down to the last mark are what is left to the instruction.
  size_t Floor() const { return marks_.empty() ? 0 : marks_.back(); }

  absl::StatusOr<Value*> Pop() {
    if (stack_.size() <= Floor()) return Refuse("an empty stack", "a value");
    Value* const top = stack_.back();
    stack_.pop_back();
    return top;
  }

  absl::StatusOr<Value*> Top() {
    ASSIGN_OR_RETURN(Value* const top, Pop());
    stack_.push_back(top);
    return top;
  }

  absl::StatusOr<Value::Items> PopToMark() {
    if (marks_.empty()) return Refuse("no mark", "one");
    Value::Items items(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return items;
  }

  absl::StatusOr<Value::Items> PopItems(size_t count) {
    if (stack_.size() - Floor() < count) return Refuse("an empty stack", absl::StrCat(count, " values"));
    Value::Items items(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return items;
  }

  // ---- instructions

  absl::Status Step(unsigned char code) {
    switch (code) {
      case kMark:
        RETURN_IF_ERROR(Charge(sizeof(size_t)));
        marks_.push_back(stack_.size());
        return absl::OkStatus();
      case kProto: {
        ASSIGN_OR_RETURN(const uint64_t protocol, Number(1));
        if (protocol < 2 || protocol > 5) return Refuse(absl::StrCat("protocol ", protocol), "2 to 5");
        return absl::OkStatus();
      }
      case kFrame:
        return Number(8).status();
      case kEmptyTuple:
      case kTuple:
      case kTuple1:
      case kTuple2:
      case kTuple3:
      case kEmptyList:
      case kList:
      case kAppend:
      case kAppends:
      case kEmptyDict:
      case kDict:
      case kSetItem:
      case kSetItems:
      case kEmptySet:
      case kAddItems:
      case kFrozenSet:
        return StepContainer(code);
      case kBinPut:
      case kLongBinPut:
      case kMemoize:
      case kBinGet:
      case kLongBinGet:
        return StepMemo(code);
      case kGlobal:
      case kStackGlobal:
      case kReduce:
      case kNewObject:
      case kBuild:
      case kBinPersistentId:
        return StepObject(code);
      default:
        return StepScalar(code);
    }
  }

  absl::Status StepScalar(unsigned char code) {
    switch (code) {
      case kNone:
        return Push(Kind::kNone, std::monostate());
      case kNewTrue:
      case kNewFalse:
        return Push(Kind::kBool, code == kNewTrue);
      case kBinInt: {
        ASSIGN_OR_RETURN(const uint64_t value, Number(4));
        return Push(Kind::kInt, int64_t{static_cast<int32_t>(static_cast<uint32_t>(value))});
      }
      case kBinInt1:
      case kBinInt2: {
        ASSIGN_OR_RETURN(const uint64_t value, Number(code == kBinInt1 ? 1 : 2));
        return Push(Kind::kInt, static_cast<int64_t>(value));
      }
      case kLong1:
      case kLong4:
        return PushLong(code == kLong1 ? 1 : 4);
      case kBinFloat:
        return PushFloat();
      case kBinString:
      case kBinUnicode:
        return PushCounted(Kind::kString, 4);
      case kShortBinString:
      case kShortBinUnicode:
        return PushCounted(Kind::kString, 1);
      case kBinUnicode8:
        return PushCounted(Kind::kString, 8);
      case kBinBytes:
        return PushCounted(Kind::kBytes, 4);
      case kShortBinBytes:
        return PushCounted(Kind::kBytes, 1);
      case kBinBytes8:
      case kByteArray8:
        return PushCounted(Kind::kBytes, 8);
      default:
        return Refuse(absl::StrFormat("the instruction 0x%02x", code), "one that torch.save writes");
    }
  }

  absl::Status PushCounted(Kind kind, int length_bytes) {
    ASSIGN_OR_RETURN(const std::string_view text, Counted(length_bytes));
    return PushText(kind, text);
  }

  absl::Status PushLong(int length_bytes) {
    ASSIGN_OR_RETURN(const std::string_view bytes, Counted(length_bytes));
    if (bytes.size() > kMaxIntegerBytes) {
      return Refuse(absl::StrCat("an integer of ", bytes.size(), " bytes"), absl::StrCat("at most ", kMaxIntegerBytes));
    }
    if (bytes.size() > sizeof(int64_t)) return PushText(Kind::kNumber, Decimal(bytes));
    uint64_t value = !bytes.empty() && (bytes.back() & 0x80) ? ~uint64_t{0} : 0;
    for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
    return Push(Kind::kInt, static_cast<int64_t>(value));
  }

  // Big-endian, unlike everything else.
  absl::Status PushFloat() {
    ASSIGN_OR_RETURN(const uint64_t reversed, Number(8));
    const uint64_t bits = __builtin_bswap64(reversed);
    double value = 0;
    std::memcpy(&value, &bits, sizeof(value));
    return Push(Kind::kFloat, value);
  }

  absl::Status StepContainer(unsigned char code) {
    switch (code) {
      case kEmptyTuple:
        return PushItems(Kind::kTuple, {});
      case kTuple1:
      case kTuple2:
      case kTuple3: {
        ASSIGN_OR_RETURN(Value::Items items, PopItems(code - kTuple1 + 1));
        return PushItems(Kind::kTuple, std::move(items));
      }
      case kTuple:
      case kList:
      case kFrozenSet: {
        ASSIGN_OR_RETURN(Value::Items items, PopToMark());
        return PushItems(code == kTuple ? Kind::kTuple : code == kList ? Kind::kList : Kind::kSet, std::move(items));
      }
      case kEmptyList:
        return PushItems(Kind::kList, {});
      case kEmptySet:
        return PushItems(Kind::kSet, {});
      case kAppend: {
        ASSIGN_OR_RETURN(Value::Items items, PopItems(1));
        return Extend(Kind::kList, items);
      }
      case kAppends:
      case kAddItems: {
        ASSIGN_OR_RETURN(const Value::Items items, PopToMark());
        return Extend(code == kAppends ? Kind::kList : Kind::kSet, items);
      }
      case kEmptyDict:
        return Push(Kind::kDict, Value::Pairs());
      case kDict: {
        ASSIGN_OR_RETURN(const Value::Items items, PopToMark());
        RETURN_IF_ERROR(Push(Kind::kDict, Value::Pairs()));
        return SetItems(items);
      }
      case kSetItem: {
        ASSIGN_OR_RETURN(const Value::Items items, PopItems(2));
        return SetItems(items);
      }
      default: {
        ASSIGN_OR_RETURN(const Value::Items items, PopToMark());
        return SetItems(items);
      }
    }
  }

  // Items to the list or set that is on top.
  absl::Status Extend(Kind kind, const Value::Items& items) {
    ASSIGN_OR_RETURN(Value* const target, Top());
    if (target->kind != kind) return Refuse(ToText(*target), kind == Kind::kList ? "a list to append to" : "a set");
    RETURN_IF_ERROR(Charge(items.size() * sizeof(void*)));
    Value::Items& all = std::get<Value::Items>(target->data);
    all.insert(all.end(), items.begin(), items.end());
    return absl::OkStatus();
  }

  // Keys and values in turn, to the dict that is on top.
  absl::Status SetItems(const Value::Items& items) {
    ASSIGN_OR_RETURN(Value* const target, Top());
    if (target->kind != Kind::kDict && target->kind != Kind::kObject) return Refuse(ToText(*target), "a dict to fill");
    if (items.size() % 2 != 0) return Refuse("a key without a value", "pairs");
    RETURN_IF_ERROR(Charge(items.size() * sizeof(void*)));
    Value::Pairs& pairs = std::get<Value::Pairs>(target->data);
    for (size_t i = 0; i < items.size(); i += 2) pairs.emplace_back(items[i], items[i + 1]);
    return absl::OkStatus();
  }

  absl::Status StepMemo(unsigned char code) {
    if (code == kBinGet || code == kLongBinGet) {
      ASSIGN_OR_RETURN(const uint64_t index, Number(code == kBinGet ? 1 : 4));
      const auto found = memo_.find(index);
      if (found == memo_.end()) return Refuse(absl::StrCat("nothing at ", index, " in the memo"), "a value");
      RETURN_IF_ERROR(Charge(sizeof(void*)));
      stack_.push_back(found->second);
      return absl::OkStatus();
    }
    uint64_t index = memo_.size();
    if (code != kMemoize) {
      ASSIGN_OR_RETURN(index, Number(code == kBinPut ? 1 : 4));
    }
    RETURN_IF_ERROR(Charge(kMemoBytes));
    ASSIGN_OR_RETURN(memo_[index], Top());
    return absl::OkStatus();
  }

  absl::Status StepObject(unsigned char code) {
    switch (code) {
      case kGlobal: {
        ASSIGN_OR_RETURN(const std::string_view module, Line());
        ASSIGN_OR_RETURN(const std::string_view name, Line());
        return PushGlobal(module, name);
      }
      case kStackGlobal: {
        ASSIGN_OR_RETURN(const Value::Items names, PopItems(2));
        if (names[0]->kind != Kind::kString || names[1]->kind != Kind::kString) return Refuse("no names", "two");
        return PushGlobal(names[0]->AsText(), names[1]->AsText());
      }
      case kBinPersistentId: {
        ASSIGN_OR_RETURN(const Value* const id, Pop());
        return PushStorage(*id);
      }
      case kBuild: {
        ASSIGN_OR_RETURN(const Value* const state, Pop());
        ASSIGN_OR_RETURN(Value* const object, Pop());
        return Build(object, *state);
      }
      default: {
        ASSIGN_OR_RETURN(const Value::Items items, PopItems(2));
        if (items[0]->kind != Kind::kName) return Refuse(ToText(*items[0]), "a global to call");
        if (items[1]->kind != Kind::kTuple) return Refuse(ToText(*items[1]), "a tuple of arguments");
        return Make(*FindGlobal(items[0]->AsText()), items[0]->AsText(), items[1]->AsItems());
      }
    }
  }

  absl::Status PushGlobal(std::string_view module, std::string_view name) {
    // long names are never known; short ones are copied
    const std::string full = absl::StrCat(std::string(module.substr(0, 200)), " ", std::string(name.substr(0, 200)));
    if (!FindGlobal(full).has_value()) {
      return Refuse(absl::StrCat("the global ", Quoted(full)),
                    "tensors and plain data only; nothing in the file was executed");
    }
    return PushText(Kind::kName, full);
  }

  absl::Status PushStorage(const Value& id) {
    ASSIGN_OR_RETURN(StorageRecord storage, StorageOf(id, limits_.max_storage_bytes));
    const auto [it, is_new] = storages_.emplace(storage.key, static_cast<int64_t>(pickle_.storages.size()));
    if (is_new) {
      RETURN_IF_ERROR(Charge(sizeof(StorageRecord) + 2 * storage.key.size() + storage.location.size() + kMemoBytes));
      pickle_.storages.push_back(std::move(storage));
    } else if (const StorageRecord& known = pickle_.storages[it->second];
               known.type != storage.type || known.elements != storage.elements) {
      return Refuse(absl::StrCat("storage ", Quoted(storage.key), " with another type or size"), "the same as before");
    }
    return Push(Kind::kStorage, it->second);
  }

  // The state of an object: its fields. That of an OrderedDict is what torch notes about a module's versions.
  absl::Status Build(Value* object, const Value& state) {
    if (state.kind != Kind::kDict) return Refuse(ToText(state), "a dict of fields");
    if (object->kind == Kind::kObject) {
      RETURN_IF_ERROR(Charge(state.AsPairs().size() * 2 * sizeof(void*)));
      if (object != &state) {
        Value::Pairs& fields = std::get<Value::Pairs>(object->data);
        fields.insert(fields.end(), state.AsPairs().begin(), state.AsPairs().end());
      }
    } else if (object->kind != Kind::kDict) {
      return Refuse(absl::StrCat("a state of ", ToText(*object)), "that of an object");
    }
    stack_.push_back(object);
    return absl::OkStatus();
  }

  // What a call of a known global gives.
  absl::Status Make(Global global, const std::string& name, const Value::Items& arguments) {
    switch (global) {
      case Global::kOrderedDict:
      case Global::kDict:
        if (!arguments.empty()) return Refuse("arguments of a dict", "none");
        return Push(Kind::kDict, Value::Pairs());
      case Global::kNamespace:
        if (!arguments.empty()) return Refuse(absl::StrCat("arguments of ", name), "none");
        return Push(Kind::kObject, Value::Pairs());
      case Global::kSet:
      case Global::kSize:
        return MakeItems(global, arguments);
      case Global::kByteArray:
      case Global::kEncode:
        return MakeBytes(arguments);
      case Global::kComplex:
      case Global::kDevice:
      case Global::kPath:
        return MakeText(global, arguments);
      case Global::kRebuildTensor:
      case Global::kRebuildTensorV2:
      case Global::kRebuildTensorV3:
        return MakeTensor(global, arguments);
      case Global::kRebuildParameter:
      case Global::kRebuildParameterWithState:
        return MakeParameter(arguments);
      case Global::kRebuildFromType:
        return MakeFromType(arguments);
      case Global::kDtype:
      case Global::kStorage:
      case Global::kTensorClass:
        return Refuse(absl::StrCat("a call of ", Quoted(name)), "tensors as torch.save writes them");
    }
    return Refuse(Quoted(name), "a known global");
  }

  absl::Status MakeItems(Global global, const Value::Items& arguments) {
    const Kind kind = global == Global::kSet ? Kind::kSet : Kind::kTuple;
    if (arguments.empty()) return PushItems(kind, {});
    const Value& items = *arguments[0];
    if (arguments.size() != 1 || (items.kind != Kind::kList && items.kind != Kind::kTuple)) {
      return Refuse(ToText(items), "a list");
    }
    return PushItems(kind, items.AsItems());
  }

  // (text, "latin1"), (bytes) or nothing.
  absl::Status MakeBytes(const Value::Items& arguments) {
    if (arguments.empty()) return PushText(Kind::kBytes, "");
    if (arguments.size() <= 2 && arguments[0]->kind == Kind::kBytes) {
      return PushText(Kind::kBytes, arguments[0]->AsText());
    }
    if (arguments.size() != 2 || arguments[0]->kind != Kind::kString || arguments[1]->kind != Kind::kString ||
        (arguments[1]->AsText() != "latin1" && arguments[1]->AsText() != "latin-1")) {
      return Refuse("another encoding of bytes", "latin1");
    }
    const std::optional<std::string> bytes = BytesOfLatin1(arguments[0]->AsText());
    if (!bytes.has_value()) return Refuse("text beyond latin1", "bytes");
    return PushText(Kind::kBytes, *bytes);
  }

  absl::Status MakeText(Global global, const Value::Items& arguments) {
    std::string text;
    for (const Value* argument : arguments) {
      const bool fits = argument->kind == (global == Global::kComplex ? Kind::kFloat : Kind::kString) ||
                        (global == Global::kDevice && argument->kind == Kind::kInt);
      if (!fits) return Refuse(ToText(*argument), "its text or number");
      const std::string part = argument->kind == Kind::kString ? argument->AsText() : ToText(*argument);
      RETURN_IF_ERROR(Charge(part.size()));
      const bool is_root = text.empty() || text == "/";
      absl::StrAppend(&text,
                      is_root                     ? ""
                      : global == Global::kPath   ? "/"
                      : global == Global::kDevice ? ":"
                                                  : " + ",
                      part);
    }
    if (global != Global::kComplex) return PushText(Kind::kString, text);
    return PushText(Kind::kNumber, absl::StrCat("(", text, "j)"));
  }

  absl::Status MakeTensor(Global global, const Value::Items& arguments) {
    ASSIGN_OR_RETURN(TensorRecord tensor, TensorOf(global, arguments, pickle_.storages));
    return PushTensor(std::move(tensor));
  }

  absl::Status PushTensor(TensorRecord tensor) {
    RETURN_IF_ERROR(Charge(sizeof(TensorRecord) + 2 * tensor.sizes.size() * sizeof(int64_t)));
    // a view that repeats its elements is small here and large for everybody who copies it
    const uint64_t bytes = DenseBytes(tensor);
    if (bytes > limits_.max_tensor_bytes - tensor_bytes_) {
      return Refuse(absl::StrCat("tensors of more than ", limits_.max_tensor_bytes, " bytes"),
                    "no more than a few times the file");
    }
    tensor_bytes_ += bytes;
    pickle_.tensors.push_back(std::move(tensor));
    return Push(Kind::kTensor, static_cast<int64_t>(pickle_.tensors.size() - 1));
  }

  absl::Status MakeParameter(const Value::Items& arguments) {
    if (arguments.size() < 2 || arguments[0]->kind != Kind::kTensor || arguments[1]->kind != Kind::kBool) {
      return Refuse("other arguments of a parameter", "a tensor and whether it is trained");
    }
    TensorRecord parameter = pickle_.tensors[arguments[0]->AsInt()];
    parameter.requires_grad = arguments[1]->AsBool();
    return PushTensor(std::move(parameter));
  }

  // A tensor with attributes: (function, class, arguments, state).
  absl::Status MakeFromType(const Value::Items& arguments) {
    if (arguments.size() != 4 || arguments[0]->kind != Kind::kName || arguments[2]->kind != Kind::kTuple) {
      return Refuse("other arguments of a tensor", "function, class, arguments, state");
    }
    const std::string& name = arguments[0]->AsText();
    const Global function = *FindGlobal(name);
    // not itself again: no recursion
    if (function == Global::kRebuildFromType) return Refuse(Quoted(name), "a function that makes a tensor");
    return Make(function, name, arguments[2]->AsItems());
  }

  // ---- the result

  // Levels below a value, and values below it however often each is reached.
  struct Reach {
    int depth = 0;
    uint64_t values = 1;
    bool done = false;
  };

  absl::StatusOr<Reach> CheckReach(const Value& value, int level) {
    if (value.kind == Kind::kStorage || value.kind == Kind::kName) {
      // a dtype says something; a class or a storage by itself does not
      if (value.kind == Kind::kStorage || FindGlobal(value.AsText()) != Global::kDtype) {
        return Refuse(value.kind == Kind::kStorage ? "a storage by itself" : Quoted(value.AsText()), "plain data");
      }
    }
    const bool has_items = std::holds_alternative<Value::Items>(value.data);
    if (!has_items && !std::holds_alternative<Value::Pairs>(value.data)) return Reach();
    if (level >= kMaxDepth) return Refuse("deeper nesting", absl::StrCat("at most ", kMaxDepth, " levels"));
    const auto [it, is_new] = reach_.emplace(&value, Reach());
    if (!is_new) {
      if (!it->second.done) return Refuse("a container that contains itself", "plain data");
      if (level + it->second.depth >= kMaxDepth) return Refuse("deeper nesting", absl::StrCat(kMaxDepth, " levels"));
      return it->second;
    }
    Reach reach;
    const auto add = [&](const Value& child) -> absl::Status {
      ASSIGN_OR_RETURN(const Reach below, CheckReach(child, level + 1));
      reach.depth = std::max(reach.depth, below.depth + 1);
      reach.values += below.values;
      if (reach.values > kMaxReached) return Refuse("data nested into itself", absl::StrCat(kMaxReached, " values"));
      return absl::OkStatus();
    };
    if (has_items) {
      for (const Value* item : value.AsItems()) RETURN_IF_ERROR(add(*item));
    } else {
      for (const auto& [key, item] : value.AsPairs()) {
        RETURN_IF_ERROR(add(*key));
        RETURN_IF_ERROR(add(*item));
      }
    }
    reach.done = true;
    reach_[&value] = reach;
    return reach;
  }

  const std::string_view bytes_;
  const PickleLimits limits_;
  uint64_t at_ = 0;
  uint64_t start_ = 0;  // of the instruction
  uint64_t memory_ = 0, tensor_bytes_ = 0;
  Pickle pickle_;
  std::vector<Value*> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint64_t, Value*> memo_;
  std::unordered_map<std::string, int64_t> storages_;
  std::unordered_map<const Value*, Reach> reach_;
};

}  // namespace

absl::StatusOr<Pickle> ReadPickle(std::string_view bytes, const PickleLimits& limits) {
  return Machine(bytes, limits).Run();
}

}  // namespace grouppose::checkpoint
