using System.Diagnostics;
using System.Globalization;
using Woodgrove.Citus.Sandbox;

namespace Woodgrove.Citus.Core.Tests.Sandbox;

public sealed class SandboxRegistryTests
{
    /// <summary>The owner of a sandbox is known by it: a time of day would be another one after the clock was set.</summary>
    [Fact]
    public void The_start_of_a_process_is_counted_from_the_start_of_the_machine_whatever_its_program_is_called()
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("elsewhere the system keeps the time of day at which a process was started");
        DirectoryInfo folder = Directory.CreateTempSubdirectory("woodgrove-tests-");
        string program = Path.Combine(folder.FullName, "odd) 1 (name");
        File.Copy("/bin/sleep", program);
        try
        {
            long before = Ticks();
            using Process process = Process.Start(program, "60");
            long start = SandboxRegistry.StartOf(process);
            process.Kill();

            Assert.InRange(start, before - 1, Ticks() + 1);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>Hundredths of a second since the machine was started.</summary>
    private static long Ticks() => (long)(double.Parse(File.ReadAllText("/proc/uptime").Split(' ')[0], CultureInfo.InvariantCulture) * 100);
}
