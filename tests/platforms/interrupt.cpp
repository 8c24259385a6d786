// SPDX-License-Identifier: Apache-2.0
// On Windows: interrupt PROGRAM ARGUMENT ... starts a program in a console, presses Ctrl-C when it
// has worked for a second, and ends as it ends.
#include <windows.h>

#include <cstdio>
#include <string>

int main() {
  if (::GetConsoleWindow() == nullptr) ::AllocConsole();
  std::wstring command = ::GetCommandLineW();  // behind this program's own name
  command.erase(0, command.find(command[0] == L'"' ? L"\" " : L" ") + (command[0] == L'"' ? 2 : 1));
  STARTUPINFOW how{};
  how.cb = sizeof how;
  PROCESS_INFORMATION child{};
  if (::CreateProcessW(nullptr, command.data(), nullptr, nullptr, TRUE, 0, nullptr, nullptr, &how,
                       &child) == 0) {
    std::fprintf(stderr, "interrupt: The program does not start (%lu).\n", ::GetLastError());
    return 1;
  }
  ::Sleep(1000);
  ::SetConsoleCtrlHandler([](DWORD) -> BOOL { return TRUE; }, TRUE);
  if (::GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0) == 0) {
    std::fprintf(stderr, "interrupt: There is no console (%lu).\n", ::GetLastError());
    ::TerminateProcess(child.hProcess, 1);
    return 1;
  }
  ::WaitForSingleObject(child.hProcess, 60'000);
  DWORD code = 1;
  ::GetExitCodeProcess(child.hProcess, &code);
  return static_cast<int>(code);
}
