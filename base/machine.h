// What machine a number was measured on, and how busy it was.
#ifndef BASE_MACHINE_H_
#define BASE_MACHINE_H_

#include <string>

namespace base {

// "model name" of /proc/cpuinfo, "unknown" where there is none.
std::string ProcessorName();

// Programs that wanted a core, averaged over the last minute; NaN where the system does not say.
double LoadAverage();

// CPU time of this process so far, all its threads, user and system.
double CpuSeconds();

}  // namespace base

#endif  // BASE_MACHINE_H_
