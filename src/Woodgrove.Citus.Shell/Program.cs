// All of pwsh: its arguments, its exit codes, its modules.
return Microsoft.PowerShell.ConsoleShell.Start("", "", args);
