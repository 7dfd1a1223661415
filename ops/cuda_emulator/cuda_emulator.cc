#include "ops/cuda_emulator/cuda_emulator.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#else
#define __sanitizer_start_switch_fiber(...)
#define __sanitizer_finish_switch_fiber(...)
#define __asan_unpoison_memory_region(...)
#endif

// Saves the registers that a function keeps for its caller on this stack, stores where in *from, and goes on from the
// stack that was left at `to`.
extern "C" void ops_cuda_emulator_switch(void** from, void* to);
asm(R"(
.text
.type ops_cuda_emulator_switch, @function
ops_cuda_emulator_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size ops_cuda_emulator_switch, .-ops_cuda_emulator_switch
)");

namespace ops::cuda_emulator {
namespace {

// What CUDA's programming guide gives as limits of every architecture from 7.5 on, shared memory as sm_90 has it.
constexpr unsigned kMaxThreads = 1024, kMaxBlockZ = 64, kMaxGridYZ = 65535, kMaxGridX = 0x7fffffff;
constexpr size_t kMaxSharedBytes = 227 * 1024;

// Kernels use a few hundred bytes of stack, AddressSanitizer's frames some more, printf the most. Pages that nobody
// touches cost nothing.
constexpr size_t kStackBytes = 256 * 1024, kPage = 4096;

enum class State { kReady, kAtBarrier, kInWarp, kEnded };

struct Fiber {
  State state = State::kEnded;
  uint3 index = {};
  void* stack_pointer = nullptr;
  void* fake_stack = nullptr;  // AddressSanitizer's
  // what it waits for, and in a warp what it gives and gets
  Site site = {};
  Exchange exchange = {};
  uint64_t received = 0;
  uint32_t ballot = 0;
};

// A stack for each thread of a block, each above a page that cannot be touched. Never freed.
class Stacks {
 public:
  Stacks() {
    memory_ = static_cast<char*>(mmap(nullptr, kMaxThreads * kStackBytes, PROT_READ | PROT_WRITE,
                                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    bool is_good = memory_ != MAP_FAILED;
    for (unsigned i = 0; i < kMaxThreads && is_good; ++i) {
      is_good = mprotect(memory_ + i * kStackBytes, kPage, PROT_NONE) == 0;
    }
    if (!is_good) {
      std::perror("cuda_emulator: no memory for the stacks of a block");
      std::abort();
    }
  }
  char* Bottom(size_t thread) const { return memory_ + thread * kStackBytes + kPage; }
  static constexpr size_t kBytes = kStackBytes - kPage;

 private:
  char* memory_;
};

std::string Words(const uint3& index) {
  return "(" + std::to_string(index.x) + "," + std::to_string(index.y) + "," + std::to_string(index.z) + ")";
}

std::string Words(const Site& site) {
  return std::string(site.what) + " at " + site.file + ":" + std::to_string(site.line);
}

// In one source, equal texts mostly have one address.
bool IsSame(const char* a, const char* b) { return a == b || std::strcmp(a, b) == 0; }

bool IsSame(const Site& a, const Site& b) {
  return a.line == b.line && IsSame(a.file, b.file) && IsSame(a.what, b.what);
}

// splitmix64: a good mixing of 64 bits, by Steele, Lea and Flood
uint64_t Mixed(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// 0 .. count - 1, in the order that a seed gives.
std::vector<size_t> Order(size_t count, uint64_t seed) {
  std::vector<size_t> order(count);
  for (size_t i = 0; i < count; ++i) order[i] = i;
  for (size_t i = count; seed != 0 && i > 1; --i) std::swap(order[i - 1], order[Mixed(seed + i) % i]);
  return order;
}

// The one launch that is under way.
class Emulator {
 public:
  uint64_t seed = 0;
  std::string fault;
  ThreadContext context;

  cudaError_t Run(dim3 grid, dim3 block, size_t shared_bytes, const std::function<void()>& thread);
  void* shared() const { return shared_.get(); }
  int lane() const { return static_cast<int>(running_ % kWarpSize); }
  void WaitForBlock(const Site& site);
  uint64_t WaitForWarp(const Site& site, const Exchange& exchange, uint32_t* ballot);

 private:
  static void Entry();
  void Start(size_t thread);
  void Resume(size_t thread);
  void Suspend();
  bool RunBlock(uint64_t seed);
  void ReleaseBlockIfComplete();
  void ReleaseWarpIfComplete(size_t thread);
  void EndThread();
  void SetFault(size_t thread, const std::string& what);
  void ExplainDeadlock();
  size_t count() const { return fibers_.size(); }

  const std::function<void()>* thread_ = nullptr;
  std::unique_ptr<char[]> shared_;
  std::vector<Fiber> fibers_;
  size_t running_ = 0, alive_ = 0, at_barrier_ = 0, first_at_barrier_ = 0;
  void* scheduler_ = nullptr;  // its stack pointer
  void* scheduler_fake_stack_ = nullptr;
  const void* scheduler_bottom_ = nullptr;
  size_t scheduler_bytes_ = 0;
};

Emulator& TheEmulator() {
  static Emulator* emulator = new Emulator;
  return *emulator;
}

const Stacks& TheStacks() {
  static const Stacks* stacks = new Stacks;
  return *stacks;
}

// The first function on a fiber's stack.
void Emulator::Entry() {
  Emulator& emulator = TheEmulator();
  __sanitizer_finish_switch_fiber(nullptr, &emulator.scheduler_bottom_, &emulator.scheduler_bytes_);
  (*emulator.thread_)();
  emulator.EndThread();
  emulator.Suspend();
  std::abort();  // nobody resumes it
}

void Emulator::Start(size_t thread) {
  Fiber& fiber = fibers_[thread];
  fiber = Fiber();
  fiber.state = State::kReady;
  const dim3& size = context.block_size;
  const unsigned i = static_cast<unsigned>(thread);
  fiber.index = {i % size.x, i / size.x % size.y, i / size.x / size.y};
  char* bottom = TheStacks().Bottom(thread);
  // a thread that was given up in the middle has left its marks there
  __asan_unpoison_memory_region(bottom, Stacks::kBytes);
  // seven words that the switch takes off, the last of them the address it returns to; above it a return address that
  // leads nowhere, 8 beyond a multiple of 16, as a call would have left it
  void** top = reinterpret_cast<void**>(bottom + Stacks::kBytes) - 3;
  top[0] = nullptr;
  top[-1] = reinterpret_cast<void*>(&Emulator::Entry);
  for (int k = 2; k <= 7; ++k) top[-k] = nullptr;
  fiber.stack_pointer = top - 7;
}

// From the scheduler to a thread, until it suspends itself.
void Emulator::Resume(size_t thread) {
  running_ = thread;
  context.thread_index = fibers_[thread].index;
  __sanitizer_start_switch_fiber(&scheduler_fake_stack_, TheStacks().Bottom(thread), Stacks::kBytes);
  ops_cuda_emulator_switch(&scheduler_, fibers_[thread].stack_pointer);
  __sanitizer_finish_switch_fiber(scheduler_fake_stack_, nullptr, nullptr);
}

// From a thread back to the scheduler, until it is resumed.
void Emulator::Suspend() {
  Fiber& fiber = fibers_[running_];
  __sanitizer_start_switch_fiber(fiber.state == State::kEnded ? nullptr : &fiber.fake_stack, scheduler_bottom_,
                                 scheduler_bytes_);
  ops_cuda_emulator_switch(&fiber.stack_pointer, scheduler_);
  __sanitizer_finish_switch_fiber(fiber.fake_stack, &scheduler_bottom_, &scheduler_bytes_);
}

void Emulator::SetFault(size_t thread, const std::string& what) {
  if (!fault.empty()) return;
  fault = "block " + Words(context.block_index) + ", thread " + Words(fibers_[thread].index) + " in " +
          Words(fibers_[thread].site) + ": " + what;
}

void Emulator::ReleaseBlockIfComplete() {
  if (at_barrier_ == 0 || at_barrier_ < alive_) return;
  at_barrier_ = 0;
  for (Fiber& fiber : fibers_) {
    if (fiber.state == State::kAtBarrier) fiber.state = State::kReady;
  }
}

void Emulator::WaitForBlock(const Site& site) {
  Fiber& own = fibers_[running_];
  own.site = site;
  if (at_barrier_ == 0) {
    first_at_barrier_ = running_;
  } else if (const Fiber& other = fibers_[first_at_barrier_]; !IsSame(other.site, site)) {
    SetFault(running_, "thread " + Words(other.index) + " waits in " + Words(other.site));
  }
  own.state = State::kAtBarrier;
  ++at_barrier_;
  ReleaseBlockIfComplete();
  Suspend();
}

// Lets the lanes of one exchange go on once all of them have come.
void Emulator::ReleaseWarpIfComplete(size_t thread) {
  const size_t first = thread - thread % kWarpSize;
  const uint32_t mask = fibers_[thread].exchange.mask;
  uint32_t ballot = 0;
  // in the natural order the last lane is the last to come
  for (int lane = kWarpSize - 1; lane >= 0; --lane) {
    if ((mask >> lane & 1) == 0) continue;
    if (first + lane < count() && fibers_[first + lane].state == State::kReady) return;
    const auto blame = [&](const std::string& what) {
      SetFault(thread, "lane " + std::to_string(lane) + " of its mask " + what);
    };
    if (first + lane >= count()) return blame("is not in the block");
    const Fiber& other = fibers_[first + lane];
    if (other.state == State::kEnded) return blame("has ended");
    if (other.state == State::kAtBarrier || !IsSame(other.site, fibers_[thread].site)) {
      return blame("waits in " + Words(other.site));
    }
    if (other.exchange.mask != mask) return blame("has another mask");
    ballot |= uint32_t{other.exchange.value != 0} << lane;
  }
  for (int lane = 0; lane < kWarpSize; ++lane) {
    if ((mask >> lane & 1) == 0) continue;
    Fiber& fiber = fibers_[first + lane];
    const int source = fiber.exchange.source;
    if ((mask >> source & 1) == 0) {
      return SetFault(first + lane, "it reads lane " + std::to_string(source) + ", which its mask leaves out");
    }
    fiber.received = fibers_[first + source].exchange.value;
    fiber.ballot = ballot;
    fiber.state = State::kReady;
  }
}

uint64_t Emulator::WaitForWarp(const Site& site, const Exchange& exchange, uint32_t* ballot) {
  Fiber& own = fibers_[running_];
  own.site = site;
  own.exchange = exchange;
  own.state = State::kInWarp;
  if ((exchange.mask >> lane() & 1) == 0) SetFault(running_, "its mask leaves it out itself");
  ReleaseWarpIfComplete(running_);
  Suspend();
  if (ballot != nullptr) *ballot = own.ballot;
  return own.received;
}

// The end of a thread may be what others wait for, or what they wait for in vain.
void Emulator::EndThread() {
  fibers_[running_].state = State::kEnded;
  --alive_;
  const size_t first = running_ - running_ % kWarpSize;
  for (size_t i = first; i < std::min(first + kWarpSize, count()); ++i) {
    if (fibers_[i].state == State::kInWarp) ReleaseWarpIfComplete(i);
  }
  ReleaseBlockIfComplete();
}

void Emulator::ExplainDeadlock() {
  for (size_t i = 0; i < count(); ++i) {
    if (fibers_[i].state == State::kAtBarrier || fibers_[i].state == State::kInWarp) {
      return SetFault(i, "it waits for ever, and all other threads have ended or wait too");
    }
  }
}

// All threads of one block, until they have ended or something is wrong.
bool Emulator::RunBlock(uint64_t seed) {
  const std::vector<size_t> order = Order(count(), seed);
  alive_ = count();
  at_barrier_ = 0;
  for (size_t thread = 0; thread < count(); ++thread) Start(thread);
  while (alive_ > 0 && fault.empty()) {
    bool has_run = false;
    for (const size_t thread : order) {
      if (fibers_[thread].state != State::kReady) continue;
      has_run = true;
      Resume(thread);
      if (!fault.empty()) return false;
    }
    if (!has_run) ExplainDeadlock();
  }
  return fault.empty();
}

cudaError_t Emulator::Run(dim3 grid, dim3 block, size_t shared_bytes, const std::function<void()>& thread) {
  fault.clear();
  const uint64_t threads = uint64_t{block.x} * block.y * block.z;
  if (threads == 0 || threads > kMaxThreads || block.z > kMaxBlockZ || grid.x > kMaxGridX || grid.y > kMaxGridYZ ||
      grid.z > kMaxGridYZ) {
    fault = "a launch of blocks of " + std::to_string(threads) + " threads in a grid of " +
            Words(uint3{grid.x, grid.y, grid.z});
    return cudaErrorInvalidConfiguration;
  }
  if (shared_bytes > kMaxSharedBytes) {
    fault = "a launch with " + std::to_string(shared_bytes) + " bytes of shared memory";
    return cudaErrorInvalidValue;
  }
  thread_ = &thread;
  context.grid_size = grid;
  context.block_size = block;
  fibers_.assign(threads, Fiber());
  for (const size_t i : Order(size_t{grid.x} * grid.y * grid.z, seed)) {
    context.block_index = {static_cast<unsigned>(i % grid.x), static_cast<unsigned>(i / grid.x % grid.y),
                           static_cast<unsigned>(i / grid.x / grid.y)};
    shared_ = std::make_unique<char[]>(shared_bytes);
    std::memset(shared_.get(), 0xff, shared_bytes);  // NaNs of every type
    if (!RunBlock(seed == 0 ? 0 : Mixed(seed + i))) return cudaErrorLaunchFailure;
  }
  return cudaSuccess;
}

}  // namespace

const ThreadContext& Current() { return TheEmulator().context; }
void SetOrder(uint64_t seed) { TheEmulator().seed = seed; }
const std::string& LastFault() { return TheEmulator().fault; }
void* DynamicSharedMemory() { return TheEmulator().shared(); }
int CurrentLane() { return TheEmulator().lane(); }
void WaitForBlock(const Site& site) { TheEmulator().WaitForBlock(site); }

uint64_t WaitForWarp(const Site& site, const Exchange& exchange, uint32_t* ballot) {
  return TheEmulator().WaitForWarp(site, exchange, ballot);
}

cudaError_t Run(dim3 grid, dim3 block, size_t shared_bytes, const std::function<void()>& thread) {
  return TheEmulator().Run(grid, block, shared_bytes, thread);
}

}  // namespace ops::cuda_emulator
