using System.Diagnostics;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Module;

/// <summary>What <c>build.ps1 -Task Package</c> makes for this machine's runtime, unpacked.</summary>
public sealed partial class PackageRun : IDisposable
{
    private readonly string _output = Directory.CreateTempSubdirectory("woodgrove-package-").FullName;
    private readonly Lazy<string> _folder;

    public PackageRun() => _folder = new Lazy<string>(Pack);

    /// <summary>The folder of the unpacked package.</summary>
    public string Folder => _folder.Value;

    public static string Runtime => RuntimeInformation.RuntimeIdentifier;

    /// <summary>What the build printed.</summary>
    public string Log { get; private set; } = "";

    public void Dispose() => Directory.Delete(_output, recursive: true);

    /// <summary>Runs the build script's Package task.</summary>
    public static (int ExitCode, string Log) Build(string output, params string[] parameters)
    {
        string script = Path.Combine(Repository.Root, "build.ps1");
        using Process process = Process.Start(
            Pwsh.StartInfo("packaged", ["-File", script, "-Task", "Package", "-OutputPath", output, .. parameters]))!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string log = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, log + error.Result);
    }

    /// <summary>Unpacks a package.</summary>
    /// <returns>The folder, in that of the package.</returns>
    public static string Unpack(string output)
    {
        string folder = Path.Combine(output, "unpacked");
        ZipFile.ExtractToDirectory(Directory.GetFiles(output, "*.nupkg").Single(), folder);
        return folder;
    }

    private string Pack()
    {
        (int exitCode, Log) = Build(_output, "-AllRuntimes", "-Runtime", Runtime);
        // The compiler ahead and the bill of materials are packages that nothing else needs.
        if (exitCode != 0 && NotFound().Match(Log) is { Success: true } missing)
            Assert.Skip($"needs packages that no source here has: {missing.Value.Trim()}");
        Assert.True(exitCode == 0, Log);
        return Unpack(_output);
    }

    /// <summary>A package, a version of it, or its source was not found.</summary>
    [GeneratedRegex(@"error NU1(101|102|103|301).*|.*could not be restored.*")]
    private static partial Regex NotFound();
}
