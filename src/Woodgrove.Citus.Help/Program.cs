using System.Reflection;
using Woodgrove.Citus.Help;

// dotnet run --project src/Woodgrove.Citus.Help
string root = typeof(HelpFolder).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(m => m.Key == "RepositoryRoot").Value!;
try
{
    foreach ((string name, string text) in HelpFolder.Build(Path.Combine(root, "module", "help"),
        Path.Combine(root, "Woodgrove.Citus.psd1")))
    {
        File.WriteAllText(Path.Combine(root, "module", "en-US", name), text);
        Console.WriteLine($"module/en-US/{name}");
    }
    return 0;
}
catch (FormatException e)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}
