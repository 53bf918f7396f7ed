using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Loader;

namespace Woodgrove.Citus.Loader;

/// <summary>
/// Holds the module's assemblies and packages apart from everything else in the process, so that another module
/// may bring another Npgsql. Only this small assembly lives in the default context.
/// </summary>
public sealed class ModuleLoadContext : AssemblyLoadContext
{
    private static readonly Lazy<Assembly> Cmdlets = new(LoadCmdlets);

    /// <summary>Assemblies compiled ahead for this runtime, where the module has them; then the portable ones.</summary>
    private readonly string[] _folders;

    private ModuleLoadContext(string folder) : base("Woodgrove.Citus") =>
        _folders = [Path.Combine(folder, RuntimeInformation.RuntimeIdentifier), folder];

    /// <summary>The assembly with the cmdlets, loaded once a process.</summary>
    public static Assembly Load() => Cmdlets.Value;

    /// <inheritdoc/>
    protected override Assembly? Load(AssemblyName assemblyName)
    {
        ArgumentNullException.ThrowIfNull(assemblyName);
        // What is not in the module's folders (the PowerShell engine, the framework) comes from the default context.
        string? path = Array.Find(Array.ConvertAll(_folders, folder => Path.Combine(folder, assemblyName.Name + ".dll")), File.Exists);
        return path is null ? null : LoadFromAssemblyPath(path);
    }

    private static Assembly LoadCmdlets()
    {
        string folder = Path.GetDirectoryName(typeof(ModuleLoadContext).Assembly.Location)!;
        return new ModuleLoadContext(folder).LoadFromAssemblyName(new AssemblyName("Woodgrove.Citus"));
    }
}
