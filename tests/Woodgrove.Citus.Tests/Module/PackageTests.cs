using System.Collections;
using System.Management.Automation;
using System.Reflection;
using System.Reflection.PortableExecutable;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Module;

/// <summary>The package as a gallery and its users see it.</summary>
public sealed class PackageTests(ClusterFixture cluster, PackageRun run) : ClusterTest(cluster), IClassFixture<PackageRun>
{
    private string Version => $"{Manifest["ModuleVersion"]}-{Gallery["Prerelease"]}".TrimEnd('-');

    private Hashtable Gallery => (Hashtable)((Hashtable)Manifest["PrivateData"]!)["PSData"]!;

    private Hashtable Manifest =>
        (Hashtable)Shell.Run($"[scriptblock]::Create([IO.File]::ReadAllText('{Repository.Manifest}')).Invoke()").Single.BaseObject;

    [Fact]
    public void It_has_every_field_that_the_gallery_reads()
    {
        XElement metadata = XDocument.Load(Path.Combine(run.Folder, "Woodgrove.Citus.nuspec")).Root!.Elements().Single();
        string Field(string name) => metadata.Elements().SingleOrDefault(e => e.Name.LocalName == name)?.Value.Trim() ?? "";

        Assert.Equal("Woodgrove.Citus", Field("id"));
        Assert.Equal(Version, Field("version"));
        Assert.Equal(Manifest["Author"], Field("authors"));
        Assert.Equal(Manifest["CompanyName"], Field("owners"));
        Assert.Equal(Manifest["Description"], Field("description"));
        Assert.Equal(Manifest["Copyright"], Field("copyright"));
        Assert.Equal(Gallery["ProjectUri"], Field("projectUrl"));
        Assert.Equal(Gallery["LicenseUri"], Field("licenseUrl"));
        Assert.Equal(Gallery["IconUri"], Field("iconUrl"));
        Assert.Equal(((string)Gallery["ReleaseNotes"]!).Trim().ReplaceLineEndings(), Field("releaseNotes").ReplaceLineEndings());
        Assert.Equal(["PSModule", .. ((object[])Gallery["Tags"]!).Cast<string>()], Field("tags").Split(' '));
    }

    [Fact]
    public void The_version_stands_in_the_manifest_alone()
    {
        Assembly built = ((CmdletInfo)Shell.Run("Get-Command Get-CitusNode").Single.BaseObject).ImplementingType.Assembly;

        Assert.Equal(Version, built.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0]);
        Assert.DoesNotMatch(new Regex(@"<Version(Prefix|Suffix)?>\s*\d"),
            File.ReadAllText(Path.Combine(Repository.Root, "Directory.Build.props")));
    }

    [Fact]
    public void Every_address_of_the_manifest_is_the_project_s_and_names_a_file_that_is_there()
    {
        string project = (string)Gallery["ProjectUri"]!;

        Assert.StartsWith("https://", project);
        foreach (string name in new[] { "LicenseUri", "IconUri" })
        {
            string path = new Uri((string)Gallery[name]!).AbsolutePath;
            Assert.StartsWith(new Uri(project).AbsolutePath + "/", path);
            Assert.True(File.Exists(Path.Combine(Repository.Root, path.Split("/main/")[1])), $"{name}: {path}");
        }
    }

    [Fact]
    public void A_new_process_imports_it_with_the_assemblies_compiled_for_this_machine()
    {
        int count = Shell.Get("Get-Command -Module Woodgrove.Citus").Count;
        string folder = run.Folder;

        Assert.Matches($@"Imported from the package: {count} cmdlets from .+[\\/]module[\\/]bin[\\/]{Regex.Escape(PackageRun.Runtime)}"
            + @"[\\/]Woodgrove\.Citus\.dll", run.Log);
        string[] portable = Names(Path.Combine(folder, "module", "bin"));
        Assert.Equal(portable.Where(n => n != "Woodgrove.Citus.Loader.dll"),
            Names(Path.Combine(folder, "module", "bin", PackageRun.Runtime)).Where(n => n != "Woodgrove.Citus.Loader.dll"));
        Assert.False(IsCompiledAhead(Path.Combine(folder, "module", "bin", "Woodgrove.Citus.Core.dll")));
        Assert.True(IsCompiledAhead(Path.Combine(folder, "module", "bin", PackageRun.Runtime, "Woodgrove.Citus.Core.dll")));
        Assert.True(IsCompiledAhead(Path.Combine(folder, "module", "bin", PackageRun.Runtime, "Npgsql.dll")));
    }

    [Fact]
    public void The_bill_of_materials_lists_each_package_that_is_shipped_with_its_licence()
    {
        using JsonDocument bill = JsonDocument.Parse(File.ReadAllText(Path.Combine(run.Folder, "bom.json")));
        JsonElement[] components = [.. bill.RootElement.GetProperty("components").EnumerateArray()];
        string[] shipped = [.. Names(Path.Combine(run.Folder, "module", "bin")).Select(n => Path.GetFileNameWithoutExtension(n))
            .Where(n => !n.StartsWith("Woodgrove.", StringComparison.Ordinal))];

        // The one package whose assembly has another name.
        Assert.Equal(shipped, components.Select(c => c.GetProperty("name").GetString()!.Replace("ZstdSharp.Port", "ZstdSharp",
            StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        Assert.All(components, c => Assert.NotEmpty(c.GetProperty("licenses").EnumerateArray()
            .Select(l => l.GetProperty("license").GetProperty("id").GetString()!)));
        Assert.All(components, c => Assert.NotEmpty(c.GetProperty("version").GetString()!));
        Assert.Equal(Version, bill.RootElement.GetProperty("metadata").GetProperty("component").GetProperty("version").GetString());
    }

    [Fact]
    public void It_ships_the_licence_and_no_symbols() =>
        Assert.Equal(["LICENSE"],
            Directory.EnumerateFiles(run.Folder, "*", SearchOption.AllDirectories).Select(f => Path.GetFileName(f))
                .Where(f => f == "LICENSE" || f.EndsWith(".pdb", StringComparison.Ordinal)));

    [Fact]
    public void A_runtime_that_cannot_be_compiled_for_is_left_out_with_a_warning_and_the_rest_is_packed()
    {
        string bill = File.ReadAllText(Path.Combine(run.Folder, "bom.json"));
        string output = Directory.CreateTempSubdirectory("woodgrove-package-").FullName;
        try
        {
            // .NET has no runtime package for it.
            (int exitCode, string log) = PackageRun.Build(output, "-Runtime", "freebsd-arm64");

            Assert.True(exitCode == 0, log);
            Assert.Contains("could not be compiled ahead for freebsd-arm64", log);
            string folder = PackageRun.Unpack(output), bin = Path.Combine(folder, "module", "bin");
            Assert.Equal(Names(Path.Combine(run.Folder, "module", "bin")), Names(bin));
            Assert.Equal(["en-US"], Directory.GetDirectories(bin).Select(Path.GetFileName));
            Assert.Equal(Components(bill), Components(File.ReadAllText(Path.Combine(folder, "bom.json"))));
        }
        finally
        {
            Directory.Delete(output, recursive: true);
        }
    }

    private static string Components(string bill)
    {
        using JsonDocument document = JsonDocument.Parse(bill);
        return document.RootElement.GetProperty("components").GetRawText();
    }

    private static string[] Names(string folder) =>
        [.. Directory.EnumerateFiles(folder, "*.dll").Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];

    /// <summary>ReadyToRun code has a header of its own beside the IL.</summary>
    private static bool IsCompiledAhead(string assembly)
    {
        using var reader = new PEReader(File.OpenRead(assembly));
        return reader.PEHeaders.CorHeader!.ManagedNativeHeaderDirectory.Size > 0;
    }
}
