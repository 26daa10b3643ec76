// Dead man's switch: writes that are carried out when an environment, or the process, ends.
#pragma once

namespace ixy {

struct Instance;

/** Whether the instance has writes armed. */
bool CleanupWritesArmed(const Instance* owner);

/** Carries out the instance's writes in the order in which they were armed, and forgets them. */
void CarryOutCleanupWrites(const Instance* owner);

}  // namespace ixy
