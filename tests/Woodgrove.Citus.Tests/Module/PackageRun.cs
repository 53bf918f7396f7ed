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

    private string Pack()
    {
        string script = Path.Combine(Repository.Root, "build.ps1");
        using Process process = Process.Start(Pwsh.StartInfo("packaged", "-File", script, "-Task", "Package", "-AllRuntimes", "-Runtime",
            Runtime, "-OutputPath", _output))!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        Log = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        // The compiler ahead and the bill of materials are packages that nothing else needs.
        if (process.ExitCode != 0 && NotFound().Match(Log + error.Result) is { Success: true } missing)
            Assert.Skip($"needs packages that no source here has: {missing.Value.Trim()}");
        Assert.True(process.ExitCode == 0, Log + error.Result);
        string folder = Path.Combine(_output, "unpacked");
        ZipFile.ExtractToDirectory(Directory.GetFiles(_output, "*.nupkg").Single(), folder);
        return folder;
    }

    /// <summary>A package, a version of it, or its source was not found.</summary>
    [GeneratedRegex(@"error NU1(101|102|103|301).*|.*could not be restored.*")]
    private static partial Regex NotFound();
}
