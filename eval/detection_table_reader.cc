#include "eval/detection_table_reader.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <mutex>
#include <new>
#include <optional>

#include "base/files.h"
#include "base/parallel.h"
#include "base/status.h"
#include "eval/detection_scanner.h"
#include "eval/number_scanner.h"

namespace eval {
namespace {

// Copies `size` bytes from `offset` on; false where there are fewer.
using ReadBytes = std::function<bool(int64_t offset, int64_t size, char* out)>;

// Where records keep their coordinates.
class Arena {
 public:
  explicit Arena(int num_keypoints) : per_record_(2 * num_keypoints) {}

  // Room for one record, which is taken by Keep().
  double* Next() {
    if (used_ + per_record_ > capacity_) AddBlock();
    return blocks_.back().get() + used_;
  }
  void Keep() { used_ += per_record_; }

  std::vector<std::shared_ptr<double[]>>& blocks() { return blocks_; }

 private:
  void AddBlock() {
    // a multiple of the huge pages of x86-64, which cost one page fault instead of 512
    constexpr size_t kHugePage = 2 << 20, kBlock = 2 * kHugePage;
    const size_t bytes = std::max(kBlock, (per_record_ * sizeof(double) + kHugePage - 1) / kHugePage * kHugePage);
    void* const memory = std::aligned_alloc(kHugePage, bytes);
    if (memory == nullptr) throw std::bad_alloc();
    madvise(memory, bytes, MADV_HUGEPAGE);
    blocks_.emplace_back(static_cast<double*>(memory), [](double* block) { std::free(block); });
    capacity_ = bytes / sizeof(double);
    used_ = 0;
  }

  const size_t per_record_;
  std::vector<std::shared_ptr<double[]>> blocks_;
  size_t capacity_ = 0, used_ = 0;
};

// What a thread works with.
struct Worker {
  explicit Worker(int num_keypoints) : arena(num_keypoints), scanner(num_keypoints) {}
  std::vector<char> buffer;
  Arena arena;
  DetectionScanner scanner;
};

// A place between two records of a file.
struct Seam {
  int64_t brace = -1;   // byte of the '}' before it
  int64_t record = -1;  // byte of the '{' behind it; -1 at the end of the array
};

// A part of the file: the records that stand behind a '}' in it, or behind the '[' in the first piece.
struct Piece {
  bool trouble = false;
  int64_t first_record = -1;  // -1 where there is none
  Seam end;
  std::vector<DetectionRow> rows;
};

class TableReader {
 public:
  TableReader(ReadBytes read, int64_t size, const TableReadOptions& options)
      : read_(std::move(read)), size_(size), options_(options) {}

  // nullopt on trouble.
  std::optional<DetectionTable> Run() {
    std::vector<Piece> pieces(std::max<int64_t>(1, (size_ + options_.piece_bytes - 1) / options_.piece_bytes));
    base::ParallelFor(options_.threads, static_cast<int64_t>(pieces.size()),
                      [&](int64_t i) { pieces[i] = ReadPiece(i, std::nullopt); });
    if (!MakeSeamsMeet(&pieces)) return std::nullopt;
    return Join(&pieces);
  }

 private:
  int64_t EndOf(int64_t piece) const { return (piece + 1) * options_.piece_bytes; }

  // Rereads pieces that guessed wrong; false on trouble.
  bool MakeSeamsMeet(std::vector<Piece>* pieces) {
    if (pieces->front().trouble) return false;
    Seam seam = pieces->front().end;
    for (size_t i = 1; i < pieces->size(); ++i) {
      Piece& piece = (*pieces)[i];
      // the array has ended, or a record goes on beyond this piece
      if (seam.record < 0 || seam.brace >= EndOf(i)) {
        piece = Piece();
        continue;
      }
      if (piece.first_record != seam.record) piece = ReadPiece(i, seam.record);
      if (piece.trouble) return false;
      seam = piece.end;
    }
    return seam.record < 0;
  }

  DetectionTable Join(std::vector<Piece>* pieces) {
    DetectionTable table;
    std::vector<size_t> first_row;
    size_t count = 0;
    for (const Piece& piece : *pieces) {
      first_row.push_back(count);
      count += piece.rows.size();
    }
    table.rows.resize(count);
    for (size_t i = 0; i < pieces->size(); ++i) {
      std::copy((*pieces)[i].rows.begin(), (*pieces)[i].rows.end(), table.rows.begin() + first_row[i]);
    }
    for (const std::unique_ptr<Worker>& worker : idle_) {
      for (std::shared_ptr<double[]>& block : worker->arena.blocks()) table.storage.push_back(std::move(block));
    }
    return table;
  }

  // From `record`, or where that is not known from the first place that turns out to be one.
  Piece ReadPiece(int64_t index, std::optional<int64_t> record) {
    // how much of the file is read with a piece: the last record nearly always ends within the least of them
    constexpr int64_t kRests[] = {8 << 10, 1 << 20, 64 << 20};
    std::unique_ptr<Worker> worker = TakeWorker();
    Piece piece;
    for (const int64_t rest : kRests) {
      piece = Piece();
      Range range = {record.value_or(index * options_.piece_bytes), std::min(size_, EndOf(index) + rest)};
      if (!ReadRange(range, &worker->buffer)) {
        piece.trouble = true;
        break;
      }
      bool more = false;
      ScanPiece(index, record.has_value() || index == 0, range, *worker, &piece, &more);
      if (!more || range.end == size_) break;
    }
    ReturnWorker(std::move(worker));
    return piece;
  }

  struct Range {
    int64_t begin, end;  // bytes of the file
  };

  bool ReadRange(const Range& range, std::vector<char>* buffer) {
    const size_t bytes = range.end - range.begin;
    if (buffer->size() < bytes + kScanPadding) buffer->resize(bytes + kScanPadding);
    std::fill_n(buffer->begin() + bytes, kScanPadding, 0);
    return read_(range.begin, range.end - range.begin, buffer->data());
  }

  // Fills `piece` from the range, which lies in the worker's buffer. Sets `more` where a record does not end in it.
  void ScanPiece(int64_t index, bool begin_is_known, const Range& range, Worker& worker, Piece* piece, bool* more) {
    const char* const buffer = worker.buffer.data();
    if (begin_is_known) {
      const char* text = buffer;
      if (range.begin == 0) {
        text = SkipSpace(text);
        piece->trouble = *text != '[';
        text = SkipSpace(text + 1);
        if (!piece->trouble && *text == ']') piece->trouble = !EndsFile(text + 1, buffer, range);
        if (piece->trouble || *text == ']') return;
      }
      ScanRecords(index, text, range, worker, piece, more);
      return;
    }
    const char* const end = buffer + std::min(range.end, EndOf(index)) - range.begin;
    for (const char* brace = buffer; (brace = FindBrace(brace, end)) != nullptr; ++brace) {
      const char* const text = RecordBehind(brace);
      if (text == nullptr) continue;
      *piece = Piece();
      *more = false;
      ScanRecords(index, text, range, worker, piece, more);
      // an object within a record has not what a record has
      if (!piece->rows.empty()) return;
    }
  }

  static const char* FindBrace(const char* text, const char* end) {
    return static_cast<const char*>(std::memchr(text, '}', end - text));
  }

  // The '{' of an object that follows the one that ends at `brace`; null where none does.
  static const char* RecordBehind(const char* brace) {
    const char* text = SkipSpace(brace + 1);
    if (*text != ',') return nullptr;
    text = SkipSpace(text + 1);
    return *text == '{' ? text : nullptr;
  }

  // Records from `text` on, up to the first that ends behind the piece.
  void ScanRecords(int64_t index, const char* text, const Range& range, Worker& worker, Piece* piece, bool* more) {
    const char* const buffer = worker.buffer.data();
    const auto offset = [&](const char* at) { return range.begin + (at - buffer); };
    piece->first_record = offset(text);
    while (true) {
      DetectionRow row;
      const char* const record = text;
      text = worker.scanner.Record(record, &row, worker.arena.Next());
      // the first record of a file says of what kind it is
      const bool other_kind = index == 0 && piece->rows.empty() && worker.scanner.other_kind();
      if (text == nullptr || other_kind) {
        piece->trouble = true;
        *more = !IsWhole(record, buffer + (range.end - range.begin));
        return;
      }
      worker.arena.Keep();
      piece->rows.push_back(row);
      piece->end.brace = offset(text) - 1;
      const char* const next = RecordBehind(text - 1);
      if (next == nullptr) {
        text = SkipSpace(text);
        piece->trouble = *text != ']' || !EndsFile(text + 1, buffer, range);
        *more = piece->trouble;
        return;
      }
      text = next;
      if (piece->end.brace < EndOf(index)) continue;
      piece->end.record = offset(text);
      return;
    }
  }

  // Whether only space follows up to the end of the file.
  bool EndsFile(const char* text, const char* buffer, const Range& range) const {
    return range.end == size_ && SkipSpace(text) == buffer + (range.end - range.begin);
  }

  // Whether the object at `text` is closed before `end`: if so, more of the file does not help to understand it.
  static bool IsWhole(const char* text, const char* end) {
    int64_t depth = 0;
    bool in_string = false;
    for (; text < end; ++text) {
      if (in_string) {
        text += *text == '\\';
        in_string = *text != '"';
        continue;
      }
      in_string = *text == '"';
      depth += *text == '{';
      if (*text == '}' && --depth <= 0) return true;
    }
    return false;
  }

  std::unique_ptr<Worker> TakeWorker() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (idle_.empty()) return std::make_unique<Worker>(options_.num_keypoints);
    std::unique_ptr<Worker> worker = std::move(idle_.back());
    idle_.pop_back();
    return worker;
  }

  void ReturnWorker(std::unique_ptr<Worker> worker) {
    const std::lock_guard<std::mutex> lock(mutex_);
    idle_.push_back(std::move(worker));
  }

  const ReadBytes read_;
  const int64_t size_;
  const TableReadOptions options_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Worker>> idle_;
};

// What the careful reader says: the error, or for what is fine and only unusual the table.
absl::StatusOr<DetectionTable> ParseCarefully(std::string json, const std::string& source,
                                              const TableReadOptions& options) {
  ReadOptions read_options;
  read_options.num_keypoints = options.num_keypoints;
  ASSIGN_OR_RETURN(const std::vector<Detection> detections, ParseDetections(std::move(json), source, read_options));
  DetectionTable table = TableOf(detections);
  const size_t per_record = 3 * options.num_keypoints;
  const std::shared_ptr<double[]> coordinates(new double[per_record * detections.size()]);
  for (size_t i = 0; i < detections.size(); ++i) {
    double* const own = coordinates.get() + i * per_record;
    std::copy(detections[i].keypoints.begin(), detections[i].keypoints.end(), own);
    table.rows[i].keypoints = own;
  }
  table.storage.push_back(coordinates);
  return table;
}

// A file that is open for reading; -1 where it cannot be read at any place (a pipe) or not at all.
class OpenFile {
 public:
  explicit OpenFile(const std::string& path) : descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    struct stat info;
    if (descriptor_ >= 0 && fstat(descriptor_, &info) == 0 && S_ISREG(info.st_mode)) size_ = info.st_size;
  }
  ~OpenFile() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  int64_t size() const { return size_; }

  bool Read(int64_t offset, int64_t size, char* out) const {
    while (size > 0) {
      const ssize_t read = pread(descriptor_, out, size, offset);
      if (read <= 0) return false;
      offset += read;
      out += read;
      size -= read;
    }
    return true;
  }

 private:
  const int descriptor_;
  int64_t size_ = -1;
};

}  // namespace

absl::StatusOr<DetectionTable> ParseDetectionTable(const std::string& json, const std::string& source,
                                                   const TableReadOptions& options) {
  const auto read = [&](int64_t offset, int64_t size, char* out) {
    std::copy_n(json.data() + offset, size, out);
    return true;
  };
  auto table = TableReader(read, static_cast<int64_t>(json.size()), options).Run();
  if (table.has_value()) return *std::move(table);
  return ParseCarefully(json, source, options);
}

absl::StatusOr<DetectionTable> ReadDetectionTable(const std::string& path, const TableReadOptions& options) {
  const OpenFile file(path);
  if (file.size() > 0) {
    const auto read = [&](int64_t offset, int64_t size, char* out) { return file.Read(offset, size, out); };
    auto table = TableReader(read, file.size(), options).Run();
    if (table.has_value()) return *std::move(table);
  }
  ASSIGN_OR_RETURN(std::string json, base::ReadFile(path));
  return ParseCarefully(std::move(json), path, options);
}

}  // namespace eval
