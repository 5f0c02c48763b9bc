from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("catalog", "0007_search_postings")]

    operations: ClassVar = [
        migrations.AddIndex(
            model_name="mediafile",
            index=models.Index(condition=models.Q(("placement", "curator")), fields=["id"], name="file_curated"),
        ),
    ]
